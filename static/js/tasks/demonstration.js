/* A response that a person writes, from nothing or from one that is there. */

import { post } from "../api.js";

const PAUSE = 350; // ms without typing before the preview follows
const WORD = /[\p{L}\p{N}]+(?:['’-][\p{L}\p{N}]+)*/gu;

export const keys = [
  { keys: ["Enter"], show: ["Ctrl", "Enter"], action: "enter", always: true, repeats: true,
    label: "Send, also while you write (Enter alone makes a new line)" },
  { keys: ["e"], show: ["E"], action: "write", label: "Write; Esc leaves the text" },
  { keys: ["1", "2", "3", "4", "5", "6", "7", "8", "9"], show: ["1", "…", "9"], action: "start",
    label: "Start from a response" },
  { keys: ["0"], show: ["0"], action: "clear", label: "Start from nothing" },
  { keys: ["d"], show: ["D"], action: "changes", label: "Show what you changed" },
  { keys: ["p"], show: ["P"], action: "preview", label: "Show how it will look" },
];

let view = null; // "changes" or "preview": kept from one item to the next

export function start({ element, form }) {
  const find = (selector) => element.querySelector(selector);
  const editor = find(".editor__text");
  const edited = form.elements.edited;
  const shown = find(".editor__shown");
  const replaced = find(".editor__replaced");
  const starts = [...element.querySelectorAll(".startable__start")];
  const views = [...element.querySelectorAll(".editor__view")];
  let before = null; // the text that was last replaced, and where it came from
  let timer = null;
  let asked = 0; // previews asked for; an answer that was overtaken is not shown

  /** Put a text in place of what is there; what the annotator wrote can be put back. */
  function replace(text, place, { mayReturn }) {
    const origin = starts[edited.value]?.dataset.text ?? "";
    const isTheirs = editor.value.trim() !== "" && editor.value !== normal(origin);
    before = mayReturn && isTheirs ? { text: editor.value, place: edited.value } : null;
    replaced.hidden = before === null;
    editor.value = text;
    edited.value = place;
    editor.dispatchEvent(new Event("input", { bubbles: true }));
    show();
    write();
    editor.setSelectionRange(0, 0);
    editor.scrollTop = 0;
  }

  /** Go to the editor; on a narrow screen it lies below the responses. */
  function write() {
    editor.focus({ preventScroll: true });
    const { top } = editor.getBoundingClientRect();
    if (top < 0 || top > innerHeight / 2) find(".editor").scrollIntoView({ block: "start" });
  }

  const normal = (text) => text.replace(/\r\n?/g, "\n"); // as a textarea has it

  function toggle(name) {
    const button = views.find((each) => each.dataset.action === name);
    if (!button || button.disabled) return false;
    view = view === name ? null : name;
    show();
    return true;
  }

  /** Which view is open here: changes need a response that they are changes of. */
  function openView() {
    const button = views.find((each) => each.dataset.action === view);
    return button && !button.disabled ? view : null;
  }

  async function follow() {
    const open = openView();
    if (!open) return;
    const mine = ++asked;
    const fields = { text: editor.value };
    if (open === "changes") fields.edited = edited.value;
    try {
      const { text } = await post(find(".editor").dataset.previewUrl, fields);
      if (mine !== asked || openView() !== open) return;
      const page = new DOMParser().parseFromString(text, "text/html");
      shown.replaceChildren(...page.body.childNodes);
    } catch {
      if (mine === asked) shown.textContent = "It cannot be shown just now. What you write is kept.";
    }
  }

  function show() {
    const words = editor.value.match(WORD)?.length ?? 0;
    find(".editor__words").textContent = `${words.toLocaleString("en")} word${words === 1 ? "" : "s"}`;
    const origin = find(".editor__origin");
    if (origin) {
      origin.textContent = edited.value === ""
        ? "from nothing"
        : `made from ${origin.dataset.letters[edited.value]}`;
    }
    for (const one of element.querySelectorAll(".startable")) {
      one.classList.toggle("is-origin", one.dataset.place === edited.value);
    }
    for (const button of views) {
      if (button.dataset.action === "changes") button.disabled = edited.value === "";
    }
    const open = openView();
    for (const button of views) {
      button.setAttribute("aria-pressed", String(button.dataset.action === open));
    }
    shown.hidden = open === null;
    shown.setAttribute("aria-label", open === "changes" ? "Changes" : "Preview");
    clearTimeout(timer);
    if (open) timer = setTimeout(follow, shown.childNodes.length ? PAUSE : 0);
  }

  editor.addEventListener("input", (event) => {
    if (event.isTrusted) replaced.hidden = true;
    show();
  });
  element.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.isComposing) return;
    if (!event.ctrlKey && !event.metaKey) {
      if (event.target === editor) event.stopPropagation(); // a new line, no answer
      return;
    }
    event.preventDefault();
    if (!event.repeat) form.requestSubmit();
  });

  return {
    actions: {
      enter: (key, event) => {
        if (event.target === editor) return false;
        if (!event.repeat) form.requestSubmit();
        return true;
      },
      write,
      start: (key, event) => {
        const button = key === null ? event.target.closest("[data-place]") : starts[Number(key) - 1];
        if (!button) return false;
        replace(button.dataset.text, button.dataset.place, { mayReturn: true });
        return true;
      },
      clear: () => replace("", "", { mayReturn: true }),
      putBack: () => before && replace(before.text, before.place, { mayReturn: false }),
      changes: () => toggle("changes"),
      preview: () => toggle("preview"),
    },
    show,
    lacking() {
      return editor.value.trim() ? null : { text: ["Write the response first: E takes you to it."] };
    },
  };
}
