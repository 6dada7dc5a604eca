/* The keyboard: one table, from which keys are read and the help is written. */

const STORE = "prefloop:single-keys";

/** What each key does: `keys` as event.key says it, `show` as the help prints it. A task type's
    module has rows of its own (static/js/tasks/), which come first. */
export const KEYS = [
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

/** The key in Latin letters and digits, also on a Cyrillic or a French keyboard. */
export function plainKey(event) {
  if (event.key.length !== 1) return event.key;
  if (/[a-z0-9]/i.test(event.key)) return event.key.toLowerCase();
  const place = /^(?:Key|Digit|Numpad)([A-Z0-9])$/.exec(event.code);
  return place && !event.shiftKey ? place[1].toLowerCase() : event.key;
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

/** Call actions[name](key, event) for each key that is meant for the page. `current()` gives the
    table and the actions as they are now: [rows, {name: action}]. An action that returns false
    leaves the key to the next row that has it, in the end to the browser. */
export function listen(current) {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (document.querySelector("dialog[open]")) return; // dialogs read their own keys
    const key = plainKey(event);
    const [table, actions] = current();
    if (key === "Enter" && (event.shiftKey || isPressable(event.target))) return;
    for (const entry of table.filter((row) => row.keys.includes(key))) {
      if (!(entry.always || singleKeysOn())) continue;
      if (isEditable(event.target) && !entry.always) continue;
      if (event.repeat && !entry.repeats) {
        if (key === "Enter") event.preventDefault();
        continue;
      }
      if (actions[entry.action]?.(key, event) === false) continue;
      event.preventDefault();
      return;
    }
  });
}

/** Fill a <dl> with the rows of a table. */
export function writeHelp(list, table) {
  list.replaceChildren();
  for (const entry of table) {
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
