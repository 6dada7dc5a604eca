/* Ratings: rows of stops, one row at a time in hand. A digit rates the row and goes on to the next. */

const NAMED = 3; // rows that a complaint names

export const keys = [
  { keys: ["1", "2", "3", "4", "5", "6", "7", "8", "9", "0"], show: ["1", "…", "0"], action: "rate",
    label: "Rate the row in hand and go on to the next (0 is the tenth stop)" },
  { keys: ["x"], show: ["X"], action: "rate", label: "Can’t judge" },
  { keys: ["ArrowUp", "ArrowDown"], show: ["↑", "↓"], action: "row", label: "Another row", repeats: true },
  { keys: ["ArrowLeft", "ArrowRight"], show: ["←", "→"], action: "move", label: "Move the rating", repeats: true },
];

export function start({ element }) {
  const rows = [...element.querySelectorAll(".rating")];
  const inputs = (row) => [...row.querySelectorAll("input")];
  const chosen = (row) => row.querySelector("input:checked");
  const isRated = (row) => chosen(row) !== null;
  let inHand = null; // the row that digits rate; the first unrated one until a row is focused

  const firstUnrated = () => rows.findIndex((row) => !isRated(row));

  function take(at) {
    inHand = at;
    for (const row of rows) row.classList.toggle("is-in-hand", row === rows[at]);
  }

  const cardOf = (row) => row.closest(".rated__one");

  /** Go to a row. Where that begins with a response further down, its text comes first. */
  function go(at) {
    const row = rows[Math.min(rows.length - 1, Math.max(0, at))];
    const [card, last] = [cardOf(row), cardOf(rows[inHand])];
    take(rows.indexOf(row));
    (chosen(row) ?? inputs(row)[0]).focus({ preventScroll: true });
    if (card.offsetTop > last.offsetTop) card.scrollIntoView({ block: "start" });
    else row.scrollIntoView({ block: "nearest" });
  }

  function pick(input) {
    input.checked = true;
    input.dispatchEvent(new Event("change", { bubbles: true }));
    input.dispatchEvent(new Event("input", { bubbles: true }));
  }

  function rate(key) {
    const input = inputs(rows[inHand]).find((each) => each.dataset.key === key);
    if (!input) return false;
    pick(input);
    if (inHand + 1 < rows.length) go(inHand + 1);
    else go(firstUnrated() < 0 ? inHand : firstUnrated());
    return true;
  }

  function move(step) {
    const row = rows[inHand];
    const stops = inputs(row);
    const at = stops.indexOf(chosen(row));
    const to = at < 0 ? (step < 0 ? 0 : stops.length - 2) : at + step;
    pick(stops[Math.min(stops.length - 1, Math.max(0, to))]);
    go(inHand);
  }

  element.addEventListener("focusin", (event) => {
    const at = rows.indexOf(event.target.closest(".rating"));
    if (at >= 0) take(at);
  });

  return {
    actions: {
      rate,
      row: (key) => {
        const isFocused = rows[inHand].contains(document.activeElement);
        go(isFocused ? inHand + (key === "ArrowUp" ? -1 : 1) : inHand);
      },
      move: (key) => move(key === "ArrowLeft" ? -1 : 1),
    },

    show() {
      const rated = rows.filter(isRated).length;
      for (const row of rows) {
        row.querySelector(".rating__said").textContent = chosen(row)?.dataset.words ?? "";
      }
      const progress = element.querySelector(".rated__progress");
      const words = `${rated} of ${rows.length} rated`;
      if (progress.textContent !== words) progress.textContent = words;
      progress.classList.toggle("is-complete", rated === rows.length);
      if (inHand === null) take(Math.max(0, firstUnrated()));
    },

    lacking() {
      const missing = rows.filter((row) => !isRated(row));
      if (missing.length === 0) return null;
      go(rows.indexOf(missing[0]));
      const names = missing.slice(0, NAMED).map((row) => `${row.dataset.name} of ${row.dataset.letter}`);
      const more = missing.length > NAMED ? ` and ${missing.length - NAMED} more` : "";
      return { [inputs(missing[0])[0].name]: [`Not rated yet: ${names.join(", ")}${more}.`] };
    },
  };
}
