/* A reviewer decides about one item in the item's own form, by the keys that annotators have. */

import { Invalid, post, SignedOut } from "./api.js";
import { KEYS, listen } from "./keys.js";
import { SubmitKey, taskOf } from "./task.js";

const page = document.getElementById("review");
const banner = document.getElementById("banner");
const element = page.querySelector("[data-assignment]");
const form = element.querySelector("form");
const { keys, start } = await taskOf(element);
const task = { keys, ...start({ element, form }) };
const submitKey = new SubmitKey();
const ONLY_WITH_ASSIGNMENT = ["preview"]; // it asks an address that a reviewer has not

let isBusy = false;

async function send(kind) {
  if (isBusy) return;
  if (kind === "answer") {
    const lacking = task.lacking();
    if (lacking) return complain(lacking);
    if (task.next?.()) return;
  }
  isBusy = true;
  try {
    const fields = new FormData(form);
    fields.set("kind", kind);
    fields.set("known", page.dataset.known);
    fields.set("submit_key", `${kind}-${submitKey.of(form)}`);
    const { text } = await post(page.dataset.verdictUrl, fields);
    location.assign(JSON.parse(text).next);
  } catch (error) {
    if (error instanceof Invalid) complain(error.errors);
    else warn(error instanceof SignedOut ? "You are signed out. Sign in in another tab, then send it again." : error.message);
  } finally {
    isBusy = false;
  }
}

function complain(errors) {
  const box = form.querySelector(".answer__errors");
  box.textContent = [...new Set(Object.values(errors).flat())].join(" ");
  box.hidden = false;
  const name = Object.keys(errors)[0];
  [...form.elements].find((control) => control.name === name)?.focus();
}

function warn(text) {
  banner.textContent = text;
  banner.hidden = false;
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  send("answer");
});
element.addEventListener("change", () => {
  form.querySelector(".answer__errors").hidden = true;
  task.show();
});

/** A key that is pressed in a comment belongs to the comment. */
const isElsewhere = (event) => {
  const own = event.target.closest?.("form");
  return Boolean(own) && own !== form;
};
const all = {
  ...task.actions,
  submit: () => send("answer"),
  undecided: () => send("undecided"),
  retire: () => send("retire"),
  next: () => location.assign(page.dataset.nextUrl),
  rationale: () => form.querySelector("[name=rationale]")?.focus(),
  leave: () => element.focus({ preventScroll: true }),
};
const byKey = Object.fromEntries(
  Object.entries(all).map(([name, act]) => [
    name,
    (key, event) => (isElsewhere(event) && name !== "leave" ? false : act(key, event)),
  ]),
);
const ours = KEYS.filter((row) => row.action in all);
const next = { keys: ["."], show: ["."], action: "next", label: "The next item, without a verdict" };
listen(() => [
  [...task.keys.filter((row) => !ONLY_WITH_ASSIGNMENT.includes(row.action)), ...ours, next],
  byKey,
]);
document.addEventListener("click", (event) => {
  const action = event.target.closest("[data-action]")?.dataset.action;
  if (action) all[action]?.(null, event);
});
task.show();
page.toggleAttribute("data-ready", true);
