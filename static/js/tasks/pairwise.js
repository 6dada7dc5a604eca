/* A pairwise comparison: one group of stops for pointer, arrow keys and digits; beside it a small
   choice for each dimension and reasons to tick, each with the key printed on it. */

import { Diff } from "../diff.js";

export const keys = [];

export function start({ element, form }) {
  const stops = [...form.querySelectorAll(".scale__stops input")];
  const bothBad = form.querySelector(".stop--bad input[type=radio]");
  const chosen = () => form.querySelector(".scale input:checked");
  const rows = [...form.querySelectorAll(".respect")];
  const reasons = [...form.querySelectorAll(".reasons input")];
  const diff = new Diff(element);
  const before = new Map(); // row → the choice that it had when it was last looked at

  function tell(input) {
    input.dispatchEvent(new Event("change", { bubbles: true }));
    input.dispatchEvent(new Event("input", { bubbles: true }));
  }

  function pick(input, isChecked = true) {
    if (!input || input.disabled) return;
    input.checked = isChecked;
    tell(input);
    input.focus({ preventScroll: true });
  }

  function move(step) {
    const all = stops.filter((stop) => !stop.disabled);
    if (all.length === 0) return false;
    const at = all.findIndex((stop) => stop.checked);
    const middle = (all.length - 1) / 2;
    const to = at < 0 ? (step < 0 ? Math.ceil(middle) - 1 : Math.floor(middle) + 1) : at + step;
    pick(all[Math.min(all.length - 1, Math.max(0, to))]);
    return true;
  }

  /** From nothing to A, equal, B, and to nothing again where that is allowed. */
  function judge(row, step) {
    const inputs = [...row.querySelectorAll("input")];
    const states = "required" in row.dataset ? inputs : [null, ...inputs];
    const at = states.findIndex((input) => (input ? input.checked : !chosenIn(row)));
    const to = at < 0 && step < 0 ? states.length - 1 : (at + step + states.length) % states.length;
    if (states[to]) pick(states[to]);
    else pick(chosenIn(row), false);
  }
  const chosenIn = (row) => row.querySelector("input:checked");

  for (const row of rows) {
    // A second click takes the choice back: radio buttons alone could not.
    row.addEventListener("click", (event) => {
      if (!event.target.matches("input") || "required" in row.dataset) return;
      if (before.get(row) === event.target) pick(event.target, false);
    });
  }

  const printed = (key) => key.toUpperCase();
  const span = (all) => (all.length > 2 ? [all[0], "…", all.at(-1)] : all);
  const digits = stops.map((_, index) => String(index + 1));
  const dimensionKeys = rows.map((row) => row.dataset.key);
  const reasonKeys = reasons.map((input) => input.dataset.key);
  const table = [
    { keys: digits, show: span(digits), action: "choose",
      label: `Choose, from “${stops[0].dataset.words}” to “${stops.at(-1).dataset.words}”` },
    { keys: ["0", "b"], show: ["0", "B"], action: "bothBad", label: "Both are bad", if: bothBad },
    { keys: ["ArrowLeft", "ArrowRight"], show: ["←", "→"], action: "move", label: "Move the choice", repeats: true },
    { keys: dimensionKeys, show: span(dimensionKeys.map(printed)), action: "judge", if: rows.length,
      label: "In one respect: once for A, twice for equal, three times for B (with Shift backwards)" },
    { keys: reasonKeys, show: span(reasonKeys.map(printed)), action: "reason", if: reasons.length,
      label: "Tick a reason" },
    { keys: ["d"], show: ["D"], action: "diff", label: "Mark where the responses differ" },
  ];

  return {
    keys: table.filter((row) => !("if" in row) || row.if),

    actions: {
      choose: (key) => pick(stops[Number(key) - 1]),
      bothBad: () => pick(bothBad),
      // inside a dimension the arrows move that dimension's own choice
      move: (key, event) => !event.target.matches(".respect input") && move(key === "ArrowLeft" ? -1 : 1),
      judge: (key, event) => judge(rows[dimensionKeys.indexOf(key)], event.shiftKey ? -1 : 1),
      reason: (key) => {
        const input = reasons[reasonKeys.indexOf(key)];
        pick(input, !input.checked);
      },
      diff: () => diff.toggle(),
    },

    /** Say the choice in words, and send "both are bad" only with that choice. */
    show() {
      const caption = form.querySelector(".scale__caption");
      caption.textContent = chosen()?.dataset.words ?? caption.dataset.prompt;
      const flag = form.querySelector("input[name=both_bad]");
      if (flag) flag.disabled = !bothBad.checked;
      for (const row of rows) before.set(row, chosenIn(row));
    },

    lacking() {
      if (!chosen()) {
        const also = bothBad ? ", or 0 when both are bad" : "";
        return { strength: [`Choose first: keys 1 to ${stops.length}${also}.`] };
      }
      const open = rows.find((row) => "required" in row.dataset && !chosenIn(row));
      if (!open) return null;
      const name = open.querySelector(".respect__name").textContent;
      const key = printed(open.dataset.key);
      return { [open.querySelector("input").name]: [`Say which is better in ${name} too: key ${key}.`] };
    },
  };
}
