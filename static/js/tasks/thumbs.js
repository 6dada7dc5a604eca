/* Thumbs up or down on one response. */

export const keys = [
  { keys: ["1", "y"], show: ["1", "Y"], action: "good", label: "Good" },
  { keys: ["2", "n"], show: ["2", "N"], action: "bad", label: "Bad" },
  { keys: ["ArrowLeft", "ArrowRight"], show: ["←", "→"], action: "move", label: "Move the choice" },
];

export function start({ form }) {
  const [good, bad] = form.querySelectorAll(".thumb input");

  function pick(input) {
    input.checked = true;
    input.dispatchEvent(new Event("change", { bubbles: true }));
    input.dispatchEvent(new Event("input", { bubbles: true }));
    input.focus({ preventScroll: true });
  }

  return {
    actions: {
      good: () => pick(good),
      bad: () => pick(bad),
      move: (key) => pick(key === "ArrowLeft" ? good : bad),
    },
    show() {},
    lacking() {
      const isChosen = good.checked || bad.checked;
      return isChosen ? null : { verdict: ["Choose first: 1 when it is good, 2 when it is bad."] };
    },
  };
}
