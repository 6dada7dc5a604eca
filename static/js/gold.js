/* A researcher answers an item in its own form; the answer and the reason become gold. */

import { Invalid, post, SignedOut } from "./api.js";
import { KEYS, listen } from "./keys.js";
import { taskOf } from "./task.js";

const page = document.getElementById("gold");
const banner = document.getElementById("banner");
const element = page.querySelector("[data-assignment]");
const form = element.querySelector("form");
const { keys, start } = await taskOf(element);
const task = { keys, ...start({ element, form }) };

let isBusy = false;

async function submit() {
  if (isBusy) return;
  const lacking = task.lacking();
  if (lacking) return complain(lacking);
  if (task.next?.()) return;
  isBusy = true;
  try {
    await post(page.dataset.makeUrl, new FormData(form));
    location.assign(page.dataset.doneUrl);
  } catch (error) {
    if (error instanceof Invalid) complain(error.errors);
    else warn(error instanceof SignedOut ? "You are signed out. Sign in in another tab, then send it again." : error.message);
  } finally {
    isBusy = false;
  }
}

function complain(errors) {
  const box = form.querySelector(".answer__errors");
  box.textContent = Object.values(errors).flat().join(" ");
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
  submit();
});
element.addEventListener("change", () => {
  form.querySelector(".answer__errors").hidden = true;
  task.show();
});

const actions = {
  ...task.actions,
  submit,
  rationale: () => form.querySelector("[name=rationale]")?.focus(),
  leave: () => element.focus({ preventScroll: true }),
};
const ours = KEYS.filter((row) => row.action in actions);
listen(() => [[...task.keys, ...ours], actions]);
document.addEventListener("click", (event) => {
  const action = event.target.closest("[data-action]")?.dataset.action;
  if (action) actions[action]?.(null, event);
});
task.show();
page.toggleAttribute("data-ready", true);
