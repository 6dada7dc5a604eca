/* Marks the words that the other response does not have. Whether it is on is remembered in this
   browser. The server compares; what it sends becomes text nodes here, never markup. */

import { post } from "./api.js";

const STORE = "prefloop:diff";

export function diffOn() {
  try {
    return localStorage.getItem(STORE) === "on";
  } catch {
    return false;
  }
}

function remember(on) {
  try {
    localStorage.setItem(STORE, on ? "on" : "off");
  } catch {
    /* the choice then holds for this item */
  }
}

export class Diff {
  #loading = null;

  /** `element` is an item that holds a .difference and two .response__text. */
  constructor(element) {
    this.element = element;
    this.button = element.querySelector("[data-action=diff]");
    this.said = element.querySelector(".difference__said");
    this.url = element.querySelector(".difference").dataset.diffUrl;
    if (diffOn() && !element.closest("#gold")) this.turn(true); // there is no turn to ask about
  }

  toggle() {
    const on = this.button.getAttribute("aria-pressed") !== "true";
    remember(on);
    this.turn(on);
  }

  async turn(on) {
    this.button.setAttribute("aria-pressed", String(on));
    this.said.textContent = "";
    this.element.toggleAttribute("data-diff", false);
    if (!on) return;
    this.#loading ??= this.#load();
    const message = await this.#loading;
    if (this.button.getAttribute("aria-pressed") !== "true") return; // switched off meanwhile
    this.said.textContent = message;
    this.element.toggleAttribute("data-diff", !message);
  }

  /** A sentence when there is nothing to mark, else "". */
  async #load() {
    try {
      const { message, responses } = JSON.parse((await post(this.url, {})).text);
      if (message) return message;
      const places = this.element.querySelectorAll(".response__text");
      responses.forEach((segments, index) => places[index].append(marked(segments)));
      return "";
    } catch (error) {
      this.#loading = null; // asked again with the next press
      return error.message;
    }
  }
}

function marked(segments) {
  const box = document.createElement("div");
  box.className = "response__diff as-written";
  for (const [text, differs] of segments) {
    if (!differs) {
      box.append(text);
      continue;
    }
    const mark = document.createElement("mark");
    mark.textContent = text;
    box.append(mark);
  }
  return box;
}
