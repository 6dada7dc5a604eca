/* Texts that may be hard to read stay blurred, and out of reach of the keyboard and of readers of
   screens, until the annotator chooses to see them. No key that sends an answer does that. */

export class Warning {
  keys = [
    { keys: ["v"], show: ["V"], action: "reveal", label: "Show the texts" },
    { keys: ["n"], show: ["N"], action: "optOut", label: "Don’t show me items of this category" },
  ];

  isOpen = true;

  /** `optOut()` is called when the annotator wants none of this category. */
  constructor(element, { optOut, passed }) {
    this.element = element;
    this.category = element.dataset.warning;
    this.actions = { reveal: () => this.#reveal(), optOut };
    this.passed = passed;
  }

  get url() {
    return this.element.querySelector(".warning").dataset.optOutUrl;
  }

  focus() {
    this.element.querySelector(".warning h2").focus({ preventScroll: true });
  }

  #reveal() {
    this.isOpen = false;
    this.element.removeAttribute("data-veiled");
    this.element.querySelector(".item__texts").inert = false;
    this.element.querySelector(".warning").remove();
    this.passed();
  }
}
