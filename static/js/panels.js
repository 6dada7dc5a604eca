/* What _panels.html holds: guidelines beside the work, all keys, and the two questions before an item
   is skipped or flagged. */

import { plainKey, setSingleKeys, singleKeysOn, writeHelp } from "./keys.js";

const helpDialog = document.getElementById("help");
const skipDialog = document.getElementById("skip-dialog");
const flagDialog = document.getElementById("flag-dialog");
const guidelines = document.getElementById("guidelines");

/** Make them work; returns what keys and [data-action] do with them.
    mayAsk()       whether there is an item to be skipped or flagged now
    skip(reason)   flag(reason, note)   what follows
    goBack()       puts the focus back to the work
    keys()         the table that the help shows */
export function startPanels({ mayAsk, skip, flag, goBack, keys }) {
  function toggleGuidelines(open = guidelines.hidden) {
    if (guidelines.hidden === !open) return;
    guidelines.hidden = !open;
    document.getElementById("screen").toggleAttribute("data-guidelines", open);
    document.querySelector("[data-action=guidelines]").setAttribute("aria-expanded", String(open));
    if (open) guidelines.querySelector("button").focus();
    else goBack();
  }

  function ask(dialog) {
    if (!mayAsk()) return;
    dialog.querySelector("form").reset();
    dialog.showModal();
  }

  skipDialog.addEventListener("submit", (event) => {
    event.preventDefault();
    const reason = event.submitter?.value || skipDialog.querySelector("input").value.trim();
    skipDialog.close();
    skip(reason || "No reason given");
  });
  flagDialog.addEventListener("submit", (event) => {
    event.preventDefault();
    const form = new FormData(event.target);
    flagDialog.close();
    flag(form.get("reason"), form.get("note"));
  });

  return {
    leave: () => (guidelines.hidden ? goBack() : toggleGuidelines(false)),
    skip: () => ask(skipDialog),
    flag: () => ask(flagDialog),
    guidelines: () => toggleGuidelines(),
    help: () => {
      writeHelp(helpDialog.querySelector("dl"), keys());
      helpDialog.showModal();
    },
  };
}

for (const dialog of [skipDialog, flagDialog]) {
  dialog.addEventListener("keydown", (event) => {
    if (event.target.matches("textarea, input[type=text]") || event.ctrlKey || event.metaKey) return;
    const choice = dialog.querySelector(`[data-key="${CSS.escape(plainKey(event))}"]`);
    if (!choice) return;
    event.preventDefault();
    choice.click();
    if (dialog === flagDialog) dialog.querySelector("textarea").focus();
  });
}
for (const dialog of document.querySelectorAll("dialog")) {
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog || event.target.closest("[data-close]")) dialog.close();
  });
}
// Enter after a reason of one's own sends that one, not the first of the list.
skipDialog.querySelector("input").addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.isComposing) return;
  event.preventDefault();
  skipDialog.querySelector("form").requestSubmit(skipDialog.querySelector(".choices__other button"));
});
flagDialog.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && event.target.matches("textarea, input[type=radio]")) {
    event.preventDefault();
    flagDialog.querySelector("form").requestSubmit();
  }
});

const singleKeys = helpDialog.querySelector("input[type=checkbox]");
singleKeys.checked = singleKeysOn();
singleKeys.addEventListener("change", () => setSingleKeys(singleKeys.checked));
