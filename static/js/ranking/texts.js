/* Long responses are cut until they are asked for: one by its button, all by a key. */

const STORE = "prefloop:whole-texts";
const SLACK = 72; // px: what is barely longer than the cut is shown whole

export const KEYS = [
  { keys: ["m"], show: ["M"], action: "wholeTexts", label: "Show long responses whole, or cut" },
];

export class Texts {
  constructor(element) {
    this.item = element;
    this.cards = [...element.querySelectorAll(".response")];
    this.isWhole = wantsWhole();
    const seen = new ResizeObserver((entries) => {
      for (const { target } of entries) this.#measure(target.closest(".response"));
    });
    for (const card of this.cards) {
      card.toggleAttribute("data-whole", this.isWhole);
      seen.observe(card.querySelector(".response__text"));
      // Whoever tabs into a table that lies under the cut must see it.
      card.querySelector(".response__text").addEventListener("focusin", () => this.#open(card, true));
    }
  }

  get actions() {
    return {
      whole: (_, event) => {
        const card = event.target.closest(".response");
        this.#open(card, !card.hasAttribute("data-whole"));
        if (event.detail !== 0) this.item.focus({ preventScroll: true });
      },
      wholeTexts: () => {
        this.isWhole = !this.isWhole;
        keepWhole(this.isWhole);
        for (const card of this.cards) this.#open(card, this.isWhole);
      },
    };
  }

  #open(card, isWhole) {
    card.toggleAttribute("data-whole", isWhole);
    this.#measure(card);
  }

  #measure(card) {
    const body = card.querySelector(".response__body");
    const rem = parseFloat(getComputedStyle(document.documentElement).fontSize);
    const cut = parseFloat(getComputedStyle(body).getPropertyValue("--cut")) * rem;
    // The text, not the body: that one is as high as its neighbour in the row.
    const isLong = card.querySelector(".response__text").offsetHeight > cut + SLACK;
    card.toggleAttribute("data-long", isLong);
    const button = card.querySelector("[data-action=whole]");
    button.hidden = !isLong;
    button.setAttribute("aria-expanded", String(card.hasAttribute("data-whole")));
    button.firstElementChild.textContent = card.hasAttribute("data-whole") ? "Show less" : "Show all";
  }
}

function wantsWhole() {
  try {
    return localStorage.getItem(STORE) === "on";
  } catch {
    return false;
  }
}

function keepWhole(isWhole) {
  try {
    localStorage.setItem(STORE, isWhole ? "on" : "off");
  } catch {
    /* the choice then holds for this item */
  }
}
