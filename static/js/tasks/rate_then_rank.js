/* Each response rated by itself, one at a time, then all of them ranked on the board. */

import { Board, KEYS as BOARD_KEYS, SHIFTED } from "../ranking/board.js";
import { groupOf, letterOf } from "../ranking/order.js";
import { KEYS as TEXT_KEYS, Texts } from "../ranking/texts.js";

const FLAG_KEYS = "qwetyioadjkl"; // letters that mean nothing else on any screen

export const keys = [
  { keys: [..."1234567"], show: ["1", "…", "7"], action: "rate", label: "Rate the response, from “Very bad” to “Very good”" },
  { keys: ["ArrowLeft", "ArrowRight"], show: ["←", "→"], action: "moveRating", repeats: true, label: "Move the rating" },
  { keys: [...FLAG_KEYS], show: ["Q", "W", "…"], action: "mark", label: "Tick what is wrong with it; each key stands beside its words" },
  { keys: ["p"], show: ["P"], action: "previous", label: "Back to the response before" },
  ...BOARD_KEYS.map((row) => ({ ...row, label: `Then: ${row.label[0].toLowerCase()}${row.label.slice(1)}` })),
  ...TEXT_KEYS,
  SHIFTED,
];

export function start({ element, form }) {
  if ("reading" in element.dataset) {
    delete element.dataset.reading; // here each is read by itself anyway
    element.querySelector(".gate--reading").remove();
  }
  const board = new Board(element, form);
  const texts = new Texts(element);
  const cards = [...element.querySelectorAll(".response")];
  const rates = [...form.querySelectorAll(".rate")];
  const steps = [...element.querySelectorAll(".step")];
  const note = board.root.querySelector(".board__note");
  const submit = form.querySelector(".answer__submit");
  const last = rates.length; // the step at which all are ranked
  let step = null;

  const stopsOf = (place) => [...form.querySelectorAll(`input[name=rating_${place}]`)];
  const ratingOf = (place) => Number(stopsOf(place).find((stop) => stop.checked)?.value ?? 0);
  const firstUnrated = () => {
    const place = rates.findIndex((_, each) => ratingOf(each) === 0);
    return place < 0 ? last : place;
  };
  const isRating = () => step !== last;

  for (const rate of rates) {
    rate.querySelectorAll(".rate__flag kbd").forEach((key, n) => (key.textContent = FLAG_KEYS[n].toUpperCase()));
  }
  const hints = board.chips.map((chip) => {
    const hint = document.createElement("span");
    hint.className = "chip__rating number";
    chip.append(hint);
    return hint;
  });

  function pick(control) {
    control.checked = control.type === "radio" || !control.checked;
    for (const kind of ["change", "input"]) control.dispatchEvent(new Event(kind, { bubbles: true }));
    control.focus({ preventScroll: true });
  }

  /** Go to a step that can be reached: all before it are rated. */
  function go(to, { isFirst = false } = {}) {
    step = Math.max(0, Math.min(to, firstUnrated(), last));
    element.toggleAttribute("data-rating", isRating());
    cards.forEach((card, place) => {
      card.hidden = isRating() && place !== step;
      card.querySelector(".response__letter").disabled = isRating();
    });
    rates.forEach((rate, place) => (rate.hidden = place !== step));
    board.root.hidden = isRating();
    submit.firstChild.textContent = isRating() ? "Next " : "Submit ";
    form.querySelector(".answer__errors").hidden = true;
    write();
    if (isFirst) return;
    element.focus({ preventScroll: true });
    const top = cards[isRating() ? step : 0].getBoundingClientRect().top;
    if (top < 0 || top > innerHeight / 2) element.querySelector(".steps").scrollIntoView();
  }

  function write() {
    const reach = firstUnrated();
    steps.forEach((button, n) => {
      button.setAttribute("aria-disabled", String(n > reach));
      if (n === step) button.setAttribute("aria-current", "step");
      else button.removeAttribute("aria-current");
      if (n < last) button.querySelector(".step__rating").textContent = ratingOf(n) || "";
    });
    element.querySelector("[data-action=previous]").setAttribute("aria-disabled", String(step === 0));
    hints.forEach((hint, place) => (hint.textContent = ratingOf(place) ? `${ratingOf(place)}/7` : ""));
    rates.forEach((rate, place) => {
      const caption = rate.querySelector(".rate__caption");
      const words = stopsOf(place).find((stop) => stop.checked)?.dataset.words;
      const said = place === step ? caption.dataset.prompt + (words ? ` ${words}.` : "") : "";
      if (caption.textContent !== said) caption.textContent = said;
    });
    const contrary = isRating() ? "" : contradiction();
    if (note.textContent !== contrary) note.textContent = contrary;
  }

  /** The first pair whose order says the contrary of its ratings. Only said: people may mean it. */
  function contradiction() {
    const groups = board.groups;
    for (const better of rates.keys()) {
      for (const worse of rates.keys()) {
        const [above, below] = [groupOf(groups, better), groupOf(groups, worse)];
        if (above < 0 || below <= above || ratingOf(better) >= ratingOf(worse)) continue;
        return `${letterOf(better)} stands above ${letterOf(worse)}, but you rated it lower: ${ratingOf(better)} against ${ratingOf(worse)}.`;
      }
    }
    return "";
  }

  const whileRanking = (action) => (key, event) => (isRating() ? false : action(key, event));
  const actions = Object.fromEntries(
    Object.entries(board.actions).map(([name, action]) => [name, whileRanking(action)]),
  );

  return {
    actions: {
      ...actions,
      ...texts.actions,
      rate: (key) => (isRating() ? pick(stopsOf(step)[Number(key) - 1]) : false),
      moveRating: (key) => {
        if (!isRating()) return false;
        const to = (ratingOf(step) || 4) + (key === "ArrowLeft" ? -1 : 1);
        return pick(stopsOf(step)[Math.max(1, Math.min(7, to)) - 1]);
      },
      mark: (key, event) => {
        const flag = isRating() && rates[step].querySelectorAll(".rate__flag input")[FLAG_KEYS.indexOf(key)];
        return flag && !event.shiftKey ? pick(flag) : false;
      },
      previous: () => go(step - 1),
      go: (_, event) => go(Number(event.target.closest("[data-step]").dataset.step)),
    },

    show() {
      board.show();
      if (step === null) go(firstUnrated(), { isFirst: true });
      else write();
    },

    lacking() {
      if (!isRating()) return board.lacking();
      return ratingOf(step) ? null : { [`rating_${step}`]: ["Rate it first: keys 1 to 7."] };
    },

    next() {
      if (!isRating()) return false;
      go(step + 1);
      return true;
    },
  };
}
