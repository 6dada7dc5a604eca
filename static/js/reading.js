/* The responses one by one, each with the whole screen, before the question is asked. */

export class Reading {
  keys = [
    { keys: ["Enter", "ArrowRight"], show: ["Enter", "→"], action: "readOn", label: "Next response", always: true },
    { keys: ["ArrowLeft"], show: ["←"], action: "readBack", label: "Response before" },
  ];

  actions = {
    readOn: (_, event) => this.#step(1, event),
    readBack: (_, event) => this.#step(-1, event),
  };

  isOpen = true;
  #at = 0;

  constructor(element) {
    this.element = element;
    this.responses = [...element.querySelectorAll(".response")];
    if (this.responses.length < 2) return this.end(); // a task type that shows none of them so
    for (const response of this.responses) response.tabIndex = -1;
    this.#show();
  }

  #step(by, event) {
    // in code that scrolls sideways the arrows scroll
    if (event.key !== "Enter" && event.target.closest("pre, .table-scroll")) return false;
    if (this.#at + by < 0) return true;
    this.#at += by;
    if (this.#at === this.responses.length) {
      this.end();
      this.element.focus({ preventScroll: true });
      this.responses[0].scrollIntoView({ block: "nearest" });
      return true;
    }
    this.#show();
    const response = this.responses[this.#at];
    response.focus({ preventScroll: true });
    if (response.getBoundingClientRect().top < 0) response.scrollIntoView();
    return true;
  }

  #show() {
    const last = this.#at === this.responses.length - 1;
    this.responses.forEach((each, index) => each.toggleAttribute("data-now", index === this.#at));
    const letter = this.responses[this.#at].querySelector(".response__letter").textContent;
    const bar = this.element.querySelector(".gate--reading");
    bar.querySelector(".gate__said").textContent =
      `${letter}: ${this.#at + 1} of ${this.responses.length}`;
    bar.querySelector(".gate__on span").textContent = last ? "Compare them" : "Next response";
    const back = bar.querySelector("[data-action=readBack]");
    back.setAttribute("aria-disabled", String(this.#at === 0));
  }

  end() {
    if (!this.isOpen) return;
    this.isOpen = false;
    this.element.removeAttribute("data-reading");
    for (const response of this.responses) response.removeAttribute("tabindex");
    this.element.querySelector(".gate--reading").remove();
  }
}
