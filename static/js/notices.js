/* Something to read before the next item: it stands on the stage in the place of one.

   The fragment names its kind in data-notice; its form is what accepts it. It offers what
   annotate.js asks of a turn, and does nothing that only an item needs. */

const nothing = { isRestored: false, flush() {}, done() {} };

export class Notice {
  constructor(element) {
    this.element = element;
    this.key = `notice:${element.dataset.notice}`;
    this.form = element.querySelector("form");
    this.urls = element.dataset;
    this.keys = [];
    this.clock = { seconds: 0 };
    this.draft = nothing;
    this.task = { actions: {}, show() {}, lacking: () => null };
  }

  /** Whether others can end it, so that it has to be asked for again. */
  get isWatched() {
    return "poll" in this.urls;
  }

  get isWrittenOn() {
    return [...this.form.querySelectorAll("textarea")].some((area) => area.value.trim());
  }

  open() {}

  close() {}

  sayDraft() {}

  /** The panel with the guidelines shows what was just acknowledged. */
  accepted() {
    const text = this.element.querySelector("[data-guideline-text]");
    if (!text) return;
    document.querySelector("#guidelines .prose").replaceChildren(...text.cloneNode(true).childNodes);
    document.querySelector("#guidelines-title span").textContent = text.dataset.guidelineText;
  }
}
