/* The board on which responses are ranked: a strip of chips, best first, the rest waiting.

   The order lives in the form's hidden fields rank_0 … (1 is best, empty is no rank yet): drafts,
   undo and the server read it there. Keys, buttons and dragging all end in `#set`. */

import { makeDraggable } from "./drag.js";
import {
  better, groupOf, groupsOf, letterOf, lettersOf, ordinal, put, ranksOf, split, standing, takeOut,
  tie, worse,
} from "./order.js";

const LETTERS = "abcdefghi";
const ELSEWHERE = "cfg"; // letters that mean something on every screen
const MOVE = { duration: 140, easing: "ease-out" };

/** Rows of the key table for whoever holds a board. */
export const KEYS = [
  { keys: [...LETTERS, ..."123456789"], show: ["A", "…", "I"], action: "place",
    label: "Rank it next (also 1 to 9). Once it is ranked: choose it" },
  { keys: ["ArrowLeft", "ArrowRight"], show: ["←", "→"], action: "move", repeats: true,
    label: "Move the chosen response: better, worse" },
  { keys: ["t"], show: ["T"], action: "tie", label: "Tie it with its better neighbour (Shift + T: with the worse one)" },
  { keys: ["x"], show: ["X"], action: "split", label: "Split it off its tie" },
  { keys: ["Backspace", "Delete"], show: ["⌫"], action: "takeOut", label: "Take it out of the order" },
  { keys: ["z"], show: ["Z"], action: "back", label: "Take back the last change of the order" },
];

/** With more than two responses, C is one of them; the key then does with Shift what it does elsewhere. */
export const SHIFTED = {
  keys: [], show: ["Shift", "C", "F", "G"], label: "Earlier messages, flag, guidelines, where the letter is a response",
};

export class Board {
  #history = [];
  #shown = null; // the ranks that the strip shows
  #chosen = null; // a place, ranked always
  #isMoving = false; // chips lose the focus while they are moved, and get it back: nobody chose then

  constructor(element, form) {
    this.root = element.querySelector(".board");
    this.strip = this.root.querySelector(".board__strip");
    this.caption = this.root.querySelector(".board__caption");
    this.chips = [...this.strip.querySelectorAll(".chip")];
    this.cards = [...element.querySelectorAll(".response")];
    this.inputs = this.chips.map((_, place) => form.elements[`rank_${place}`]);
    this.mayTie = this.root.dataset.allowTie !== "false";
    this.root.dataset.taken = [...ELSEWHERE].filter((each) => this.placeOf(each) >= 0).join(" ");
    for (const chip of this.chips) {
      const text = this.cards[chip.dataset.place].querySelector(".response__text");
      const parts = text.childElementCount > 0 ? [...text.children] : [text];
      const words = parts.map((part) => part.textContent.trim()).join(" ").replace(/\s+/g, " ");
      chip.querySelector(".chip__words").textContent = words.slice(0, 160);
    }
    this.strip.addEventListener("click", (event) => {
      const chip = event.target.closest(".chip");
      if (chip) this.place(Number(chip.dataset.place));
    });
    this.strip.addEventListener("keydown", (event) => {
      const place = Number(event.target.dataset.place);
      if (event.key !== " " || groupOf(this.groups, place) >= 0) return; // a ranked one scrolls on
      event.preventDefault();
      this.place(place);
    });
    this.strip.addEventListener("focusin", (event) => {
      const place = Number(event.target.closest(".chip")?.dataset.place);
      if (!this.#isMoving && groupOf(this.groups, place) >= 0) this.#choose(place);
    });
    makeDraggable(this.strip, {
      mayTie: this.mayTie,
      drop: (place, { at, tie: isTie, isOut }) =>
        isOut ? this.takeOut(place) : this.#set(put(this.groups, place, at, { tie: isTie }), place),
    });
  }

  get groups() {
    return groupsOf(this.inputs.map((input) => input.value));
  }

  get unranked() {
    return this.inputs.flatMap((input, place) => (input.value === "" ? [place] : []));
  }

  /** What keys and buttons do; each takes (key, event), the key null from a button. */
  get actions() {
    return {
      place: (key, event) => {
        const place = key ? this.placeOf(key) : Number(event.target.closest("[data-place]").dataset.place);
        if (place < 0 || (key && event.shiftKey)) return false;
        this.place(place, { keepFocus: !key && event.detail === 0 });
        return true;
      },
      move: (key) => this.#change(key === "ArrowLeft" ? better : worse),
      better: (_, event) => this.#change(better, event),
      worse: (_, event) => this.#change(worse, event),
      tie: (_, event) => {
        if (!this.mayTie) return this.#say("In this project two responses may not share a rank.");
        const isFirst = this.#chosen !== null && groupOf(this.groups, this.#chosen) === 0;
        const step = event.shiftKey || isFirst ? 1 : -1;
        return this.#change((groups, place) => tie(groups, place, step), event);
      },
      split: (_, event) => this.#change(split, event),
      takeOut: () => this.#chosen !== null && this.takeOut(this.#chosen),
      back: () => this.back(),
    };
  }

  /** Rank it next, after all that are ranked; one that is ranked already is chosen. */
  place(place, { keepFocus = false } = {}) {
    const groups = this.groups;
    if (groupOf(groups, place) < 0) this.#set(put(groups, place, groups.length), place);
    else this.#choose(place, { say: true });
    if (!keepFocus) this.#focus();
  }

  takeOut(place) {
    const left = takeOut(this.groups, place);
    if (groupOf(this.groups, place) < 0) return;
    this.#set(left, left.at(-1)?.at(-1) ?? null, `${letterOf(place)} is out of the order.`);
    this.#focus();
  }

  back() {
    const before = this.#history.pop();
    if (!before) return this.#say("There is no change to take back.");
    this.#set(before.groups, before.chosen, "Taken back.", { isBack: true });
    return this.#focus();
  }

  /** Read the form again: after a draft came back, or after any change. */
  show() {
    const ranks = this.inputs.map((input) => input.value).join();
    if (ranks !== this.#shown) {
      const isFirst = this.#shown === null;
      this.#shown = ranks;
      this.#layOut(!isFirst);
      if (isFirst) this.#say();
    }
    if (this.#chosen !== null && groupOf(this.groups, this.#chosen) < 0) this.#chosen = null;
    this.#mark();
  }

  lacking() {
    const left = this.unranked;
    if (left.length === 0) return null;
    const all = left.length === this.inputs.length;
    const sentence = all
      ? "Rank them first: press their letters in order of preference."
      : `Still to be ranked: ${lettersOf(left)}.`;
    return { [`rank_${left[0]}`]: [sentence] };
  }

  placeOf(key) {
    const place = /\d/.test(key) ? Number(key) - 1 : LETTERS.indexOf(key);
    return place < this.chips.length ? place : -1;
  }

  #change(step, event = null) {
    if (this.#chosen === null) return this.#say("Choose a ranked response first: press its letter.");
    const place = this.#chosen;
    const groups = step(this.groups, place);
    if (groups) this.#set(groups, place);
    else this.#say(`${letterOf(place)} stays ${standing(this.groups, place)}.`);
    // A button pressed by key keeps the focus, to be pressed again; Enter after a click sends.
    if (event?.detail !== 0 || event instanceof KeyboardEvent) this.#focus();
    return true;
  }

  #set(groups, chosen, said = null, { isBack = false } = {}) {
    const before = this.groups;
    if (JSON.stringify(before) === JSON.stringify(groups)) return;
    if (!isBack) this.#history.push({ groups: before, chosen: this.#chosen });
    ranksOf(groups, this.inputs.length).forEach((rank, place) => (this.inputs[place].value = rank));
    this.#chosen = chosen;
    this.show();
    this.#say(said ?? `${letterOf(chosen)} is now ${standing(groups, chosen)}.`);
    for (const kind of ["input", "change"]) this.inputs[0].dispatchEvent(new Event(kind, { bubbles: true }));
  }

  #choose(place, { say = false } = {}) {
    this.#chosen = place;
    this.#mark();
    if (say) this.#say(`${letterOf(place)} is ${standing(this.groups, place)}.`);
  }

  #focus() {
    const at = this.#chosen;
    if (at === null) this.root.closest(".item").focus({ preventScroll: true });
    else this.chips[at].focus({ preventScroll: true });
  }

  /** Say what changed and what is left, to eyes and to screen readers. */
  #say(what = "") {
    const left = this.unranked;
    const rest =
      left.length === 0
        ? "All are ranked."
        : left.length === this.inputs.length
          ? "Best first: press letters in order of preference, click, or drag."
          : `Still to be ranked: ${lettersOf(left)}.`;
    this.caption.textContent = `${what} ${rest}`.trim();
  }

  #layOut(isAnimated) {
    const from = this.chips.map((chip) => chip.getBoundingClientRect());
    const focused = this.chips.find((chip) => chip === document.activeElement);
    const groups = this.groups;
    const left = this.unranked;
    const parts = groups.map((group, at) => this.#part("board__group", ordinal(at), at, group));
    if (left.length > 0) {
      const next = this.#part("board__next", groups.length > 0 ? "next" : "best", groups.length, []);
      next.removeAttribute("role");
      next.setAttribute("aria-hidden", "true");
      parts.push(next, this.#part("board__unranked", "not ranked yet", groups.length, left));
    }
    this.#isMoving = true;
    this.strip.replaceChildren(...parts);
    focused?.focus({ preventScroll: true });
    this.#isMoving = false;
    if (!isAnimated || matchMedia("(prefers-reduced-motion: reduce)").matches) return;
    this.chips.forEach((chip, place) => {
      const dx = from[place].left - chip.getBoundingClientRect().left;
      if (dx !== 0) chip.animate([{ transform: `translateX(${dx}px)` }, { transform: "none" }], MOVE);
    });
  }

  #part(name, label, at, places) {
    const part = document.createElement("div");
    part.className = name;
    part.dataset.at = at;
    part.setAttribute("role", "group");
    part.setAttribute("aria-label", label);
    part.style.setProperty("--chips", Math.max(places.length, 1));
    const rank = document.createElement("span");
    rank.className = "board__rank";
    rank.setAttribute("aria-hidden", "true");
    rank.textContent = label;
    part.append(rank, ...places.map((place) => this.chips[place]));
    return part;
  }

  /** Show on strip, cards and buttons which response is chosen and what can be done with it. */
  #mark() {
    const groups = this.groups;
    const chosen = this.#chosen;
    const stop = chosen ?? groups[0]?.[0] ?? 0;
    this.chips.forEach((chip, place) => {
      chip.setAttribute("aria-selected", String(place === chosen));
      chip.tabIndex = place === stop ? 0 : -1;
    });
    this.cards.forEach((card, place) => {
      const at = groupOf(groups, place);
      card.toggleAttribute("data-chosen", place === chosen);
      card.toggleAttribute("data-ranked", at >= 0);
      const tied = at < 0 ? [] : groups[at].filter((each) => each !== place);
      card.querySelector(".response__rank").textContent =
        at < 0 ? "" : ordinal(at) + (tied.length > 0 ? ` = ${tied.map(letterOf).join("\u200b")}` : "");
    });
    const can = {
      better: better, worse: worse, split: split,
      tie: (all, place) => (this.mayTie ? tie(all, place, groupOf(all, place) === 0 ? 1 : -1) : null),
      takeOut: () => true,
    };
    for (const [action, step] of Object.entries(can)) {
      const possible = chosen !== null && step(groups, chosen) !== null;
      this.root.querySelector(`[data-action="${action}"]`)?.setAttribute("aria-disabled", String(!possible));
    }
    const back = this.root.querySelector('[data-action="back"]');
    back.setAttribute("aria-disabled", String(this.#history.length === 0));
  }
}
