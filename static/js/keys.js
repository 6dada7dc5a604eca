/* The keyboard: one table, from which keys are read and the help is written. */

const STORE = "prefloop:single-keys";

/** What each key does: `keys` as event.key says it, `show` as the help prints it. */
export const KEYS = [
  { keys: ["1", "2", "3", "4", "5", "6", "7"], show: ["1", "…", "7"], action: "choose",
    label: "Choose, from “A is much better” to “B is much better”" },
  { keys: ["0", "b"], show: ["0", "B"], action: "bothBad", label: "Both are bad" },
  { keys: ["ArrowLeft", "ArrowRight"], show: ["←", "→"], action: "move", label: "Move the choice" },
  { keys: ["Enter"], show: ["Enter"], action: "submit", label: "Send the answer and go on", always: true },
  { keys: ["r"], show: ["R"], action: "rationale", label: "Write a reason (Shift + Enter: new line)" },
  { keys: ["Escape"], show: ["Esc"], action: "leave", label: "Leave the reason, close what is open", always: true },
  { keys: ["u"], show: ["U"], action: "undo", label: "Take back your last answer" },
  { keys: ["s"], show: ["S"], action: "skip", label: "Skip, with a reason" },
  { keys: ["f"], show: ["F"], action: "flag", label: "Flag a problem with the item" },
  { keys: ["c"], show: ["C"], action: "conversation", label: "Show or hide earlier messages" },
  { keys: ["g"], show: ["G"], action: "guidelines", label: "Guidelines" },
  { keys: ["?", "h"], show: ["?"], action: "help", label: "All keys" },
];

const BY_KEY = new Map(KEYS.flatMap((entry) => entry.keys.map((key) => [key, entry])));

/** The key in Latin letters and digits, also on a Cyrillic or a French keyboard. */
export function plainKey(event) {
  if (BY_KEY.has(event.key)) return event.key;
  const lower = event.key.toLowerCase();
  if (BY_KEY.has(lower)) return lower;
  if (event.key.length === 1 && !/[a-z0-9]/i.test(event.key) && !event.shiftKey) {
    const place = /^(?:Key|Digit|Numpad)([A-Z0-9])$/.exec(event.code);
    if (place) return place[1].toLowerCase();
  }
  return event.key;
}

export function singleKeysOn() {
  try {
    return localStorage.getItem(STORE) !== "off";
  } catch {
    return true;
  }
}

export function setSingleKeys(on) {
  try {
    localStorage.setItem(STORE, on ? "on" : "off");
  } catch {
    /* the choice then holds until the page is left */
  }
}

const isEditable = (element) =>
  element instanceof HTMLTextAreaElement ||
  element instanceof HTMLSelectElement ||
  (element instanceof HTMLInputElement && !["radio", "checkbox"].includes(element.type));

const isPressable = (element) => element.closest?.("button, a[href], summary") !== null;

/** Call actions[name](key, event) for each key of the table that is meant for the page. */
export function listen(actions) {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (document.querySelector("dialog[open]")) return; // dialogs read their own keys
    const key = plainKey(event);
    const entry = BY_KEY.get(key);
    if (!entry || !(entry.always || singleKeysOn())) return;
    if (isEditable(event.target) && !entry.always) return;
    if (key === "Enter" && (event.shiftKey || isPressable(event.target))) return;
    if (event.repeat && key !== "ArrowLeft" && key !== "ArrowRight") {
      if (key === "Enter") event.preventDefault();
      return;
    }
    if (actions[entry.action]?.(key, event) !== false) event.preventDefault();
  });
}

/** Fill a <dl> with the table. */
export function writeHelp(list) {
  for (const entry of KEYS) {
    const keys = document.createElement("dt");
    for (const each of entry.show) {
      const key = document.createElement(each === "…" ? "span" : "kbd");
      key.textContent = each;
      keys.append(key);
    }
    const label = document.createElement("dd");
    label.textContent = entry.label;
    list.append(keys, label);
  }
}
