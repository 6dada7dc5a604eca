/* K responses brought into an order, or found not rankable, with a reason. */

import { Board, KEYS as BOARD_KEYS, SHIFTED } from "../ranking/board.js";
import { KEYS as TEXT_KEYS, Texts } from "../ranking/texts.js";

export const keys = [
  ...BOARD_KEYS,
  { keys: ["n"], show: ["N"], action: "notRankable", label: "Not rankable, with a reason (keys 1 to 5); again: rank after all" },
  ...TEXT_KEYS,
  SHIFTED,
];

export function start({ element, form }) {
  const board = new Board(element, form);
  const texts = new Texts(element);
  const flag = form.elements.not_rankable; // absent where the project forbids it
  const panel = form.querySelector(".board__reasons");
  const reasons = [...(panel?.querySelectorAll("input[name=reason]") ?? [])];
  const toggle = form.querySelector("[data-action=notRankable]");
  const isOff = () => flag?.value === "on";
  const changed = (control) => {
    for (const kind of ["input", "change"]) control.dispatchEvent(new Event(kind, { bubbles: true }));
  };

  function pick(reason) {
    if (!reason) return;
    reason.checked = true;
    changed(reason);
    reason.focus({ preventScroll: true });
  }

  /** The board's actions rest while the reason is asked for. */
  const whileRanking = (action) => (key, event) => (isOff() ? false : action(key, event));
  const actions = Object.fromEntries(
    Object.entries(board.actions).map(([name, action]) => [name, whileRanking(action)]),
  );

  return {
    actions: {
      ...actions,
      ...texts.actions,
      place: (key, event) => {
        if (!isOff()) return board.actions.place(key, event);
        if (!key) return true;
        if (!/\d/.test(key)) return board.placeOf(key) >= 0 && !event.shiftKey;
        return pick(reasons[Number(key) - 1]);
      },
      notRankable: () => {
        if (!flag) return false;
        flag.value = isOff() ? "" : "on";
        changed(flag);
        element.focus({ preventScroll: true });
        return true;
      },
    },

    show() {
      board.show();
      board.root.toggleAttribute("data-off", isOff());
      if (!flag) return;
      panel.hidden = !isOff();
      toggle.setAttribute("aria-pressed", String(isOff()));
    },

    lacking() {
      if (!isOff()) return board.lacking();
      const chosen = reasons.find((reason) => reason.checked)?.value;
      const isWritten = form.elements.rationale.value.trim() !== "";
      if (chosen === "other" && !isWritten) {
        return { rationale: ["Say in a few words why they cannot be ranked."] };
      }
      if (chosen || isWritten) return null;
      return { reason: ["Say why they cannot be ranked: keys 1 to 5, or in your own words."] };
    },
  };
}
