/* The annotator's screen: shows one item, holds the next one ready, loses nothing.

   The server decides; this page keeps two fragments that it has claimed, the one shown and the
   one that follows, and swaps when the server has the answer. */

import { Invalid, Offline, post, Refused, SignedOut } from "./api.js";
import { Clock, isAttentive } from "./clock.js";
import { Draft, fieldsOf, forgetOld } from "./drafts.js";
import { listen, plainKey, setSingleKeys, singleKeysOn, writeHelp } from "./keys.js";

const screen = document.getElementById("screen");
const stage = document.getElementById("stage");
const empty = document.getElementById("empty");
const banner = document.getElementById("banner");
const status = document.getElementById("status");
const helpDialog = document.getElementById("help");
const skipDialog = document.getElementById("skip-dialog");
const flagDialog = document.getElementById("flag-dialog");
const guidelines = document.getElementById("guidelines");
const urls = screen.dataset;

const POLL = 5_000; // ms between looks at an empty queue
const RETRY = 5_000; // ms between tries while the server is away
const AWAY = 5 * 60_000; // ms without a sign of life after which the lease is left to run out
const BEAT = Math.min(30, Math.max(5, Number(urls.lease) / 3)) * 1000;
const tabs = "BroadcastChannel" in window ? new BroadcastChannel("prefloop") : null;
const titleOfPage = document.title;

const counts = {}; // answers: done and total in the project, mine
for (const place of document.querySelectorAll("p [data-progress]")) {
  counts[place.dataset.progress] = Number(place.textContent);
}

let current = null; // the turn on the screen
let queue = []; // turns claimed and not shown yet
let fetching = null; // the request that fills the queue
let isBusy = false; // an answer, skip or undo is on its way
let retryTimer = null;
let pollTimer = null;
let statusTimer = null;
let pending = null; // what to do again once the server or the session is back

// --- a turn -----------------------------------------------------------------------------------

/** One assignment: its fragment, its draft, its clock. */
class Turn {
  constructor(element) {
    this.element = element;
    this.key = element.dataset.assignment;
    this.form = element.querySelector("form");
    this.urls = element.dataset;
    this.clock = new Clock(Number(element.dataset.seconds));
    this.draft = null;
    this.sending = { body: "", key: "" };
  }

  open() {
    this.draft ??= new Draft(this.key, this.form, {
      url: this.urls.draftUrl,
      version: Number(this.urls.draftVersion),
      fields: JSON.parse(this.urls.draft || "null"),
      say: (text) => this.sayDraft(text),
    });
    this.clock.start();
  }

  sayDraft(text) {
    this.element.querySelector(".answer__draft").textContent = text;
  }

  close() {
    this.clock.stop();
    this.draft?.stop();
  }

  /** The same answer always carries the same key, so that sending it twice stores it once. */
  submitKey() {
    const body = JSON.stringify(fieldsOf(this.form));
    if (body !== this.sending.body) this.sending = { body, key: randomKey() };
    return this.sending.key;
  }
}

function randomKey() {
  // crypto.randomUUID is absent where the page is served over plain HTTP
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) =>
    byte.toString(16).padStart(2, "0"),
  ).join("");
}

function turnFrom({ status, text }) {
  if (status === 204) return null;
  const page = new DOMParser().parseFromString(text, "text/html");
  return new Turn(document.adoptNode(page.querySelector("[data-assignment]")));
}

// --- taking items -----------------------------------------------------------------------------

/** Claim one more item into the queue; one request at a time, shared by all who wait for it. */
function refill() {
  fetching ??= (async () => {
    const held = [current, ...queue].filter(Boolean).map((turn) => turn.key);
    const turn = turnFrom(await post(urls.nextUrl, { held: held.join(",") }));
    if (turn && ![current, ...queue].some((each) => each?.key === turn.key)) queue.push(turn);
  })().finally(() => (fetching = null));
  return fetching;
}

async function prefetch() {
  try {
    if (queue.length === 0) await refill();
  } catch {
    return; // whoever needs the item will ask again and say what is wrong
  }
  if (queue.length > 0 && !current && !isBusy) advance();
}

/** Show the next item, at once when it is here already. */
async function advance() {
  clearTimeout(pollTimer);
  current?.close();
  current = null;
  try {
    if (queue.length === 0) await refill();
  } catch (error) {
    showEmpty();
    return trouble(error, advance);
  }
  if (current) return undefined; // someone else who waited has shown it
  const ready = queue.shift();
  return ready ? show(ready) : showEmpty();
}

function show(turn) {
  const wasEmpty = !empty.hidden;
  current = turn;
  empty.hidden = true;
  stage.setAttribute("aria-busy", "false");
  stage.replaceChildren(turn.element);
  screen.dataset.state = "item";
  turn.open();
  turn.sayDraft(turn.draft.isRestored ? "Your draft is back" : "");
  window.scrollTo(0, 0);
  turn.element.focus({ preventScroll: true });
  noteChoice();
  document.title = wasEmpty && document.hidden ? `● New item · ${titleOfPage}` : titleOfPage;
  beat(turn, { opened: "1" });
  prefetch();
}

function showEmpty() {
  stage.replaceChildren();
  stage.setAttribute("aria-busy", "false");
  for (const part of empty.querySelectorAll("[data-once-answered]")) part.hidden = !counts.mine;
  empty.hidden = false;
  screen.dataset.state = "empty";
  clearTimeout(pollTimer);
  pollTimer = setTimeout(async () => {
    if (!current && document.visibilityState === "visible") await prefetch();
    if (!current) showEmpty();
  }, POLL);
}

// --- answering --------------------------------------------------------------------------------

async function submit() {
  if (!current || isBusy) return;
  const turn = current;
  const needed = turn.form.querySelector("[data-needs-choice]");
  if (needed && !needed.querySelector("input:checked")) {
    return complain({ [needed.dataset.needsChoice]: ["Choose first: keys 1 to 7, or 0 when both are bad."] });
  }
  const fields = new URLSearchParams(new FormData(turn.form));
  fields.set("submit_key", turn.submitKey());
  fields.set("seconds", turn.clock.seconds.toFixed(2));
  await act(async () => {
    await post(turn.form.action, fields);
    turn.draft.done();
    tabs?.postMessage({ done: turn.key });
    progress({ done: counts.done + 1, mine: counts.mine + 1 });
    say("Saved", { undo: true });
    await advance();
  }, submit);
}

async function skip(reason) {
  const turn = current;
  if (!turn) return;
  await act(async () => {
    await post(turn.urls.skipUrl, { reason });
    turn.draft.done();
    tabs?.postMessage({ done: turn.key });
    say("Skipped");
    await advance();
  }, () => skip(reason));
}

async function flag(reason, note) {
  const turn = current;
  if (!turn) return;
  await act(async () => {
    await post(turn.urls.flagUrl, { reason, note });
    say("Flagged. You can still answer or skip it.");
  }, () => flag(reason, note));
}

async function undo() {
  await act(async () => {
    const turn = turnFrom(await post(urls.undoUrl, {}));
    if (!turn) return say("There is no answer to take back.");
    if (current) {
      current.close();
      current.draft.flush();
      queue.unshift(current);
    }
    clearTimeout(pollTimer);
    queue = queue.filter((each) => each.key !== turn.key);
    progress({ done: counts.done - 1, mine: counts.mine - 1 });
    show(turn);
    say("Taken back. Change it and send it again.");
  }, undo);
}

/** Do one thing at a time; tell what went wrong, and offer to do it again. */
async function act(deed, again) {
  if (isBusy) return;
  isBusy = true;
  screen.toggleAttribute("data-busy", true);
  try {
    await deed();
    calm();
  } catch (error) {
    trouble(error, again);
  } finally {
    isBusy = false;
    screen.toggleAttribute("data-busy", false);
    if (!current) prefetch();
  }
}

// --- when something is wrong -------------------------------------------------------------------

function trouble(error, again) {
  clearTimeout(retryTimer);
  pending = null;
  if (error instanceof Invalid) return complain(error.errors);
  if (error instanceof Offline || error instanceof SignedOut) pending = again;
  if (error instanceof SignedOut) {
    return warn("You are signed out. What you wrote is kept here: sign in, then come back to this tab.", [
      ["Sign in", () => window.open(urls.loginUrl, "_blank")],
      ["Send again", again],
    ]);
  }
  if (error instanceof Offline) {
    retryTimer = setTimeout(again, RETRY);
    return warn(`${error.message} What you wrote is kept, and is sent as soon as it answers.`, [
      ["Try now", again],
    ]);
  }
  if (error instanceof Refused) {
    return warn(error.message, [["Next item", () => (calm(), advance())]]);
  }
  throw error;
}

function warn(text, buttons) {
  const message = document.createElement("span");
  message.textContent = text;
  banner.replaceChildren(message);
  for (const [label, deed] of buttons) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "button";
    button.textContent = label;
    button.addEventListener("click", () => deed());
    banner.append(button);
  }
  banner.hidden = false;
}

function calm() {
  clearTimeout(retryTimer);
  pending = null;
  banner.hidden = true;
  banner.replaceChildren();
}

/** Show what the form lacks, beside the field that lacks it. */
function complain(errors) {
  const box = current?.form.querySelector(".answer__errors");
  if (!box) return;
  box.textContent = Object.values(errors).flat().join(" ");
  box.hidden = false;
  const first = current.form.querySelector(`[name="${CSS.escape(Object.keys(errors)[0] ?? "")}"]`);
  first?.focus({ preventScroll: true });
}

function say(text, { undo: offerUndo = false } = {}) {
  status.textContent = text;
  status.toggleAttribute("data-undo", offerUndo);
  status.classList.add("is-fresh");
  clearTimeout(statusTimer);
  statusTimer = setTimeout(() => status.classList.remove("is-fresh"), 2_400);
}

/** Show how far we are: at once by our own reckoning, then as the server counts. */
function progress(now) {
  Object.assign(counts, now);
  for (const [name, value] of Object.entries(now)) {
    for (const place of document.querySelectorAll(`[data-progress="${CSS.escape(name)}"]`)) {
      if (place instanceof HTMLProgressElement) place.value = value;
      else place.textContent = value;
    }
    if (name === "total") document.querySelector("progress[data-progress]").max = Math.max(value, 1);
  }
}

// --- signs of life ----------------------------------------------------------------------------

async function beat(turn, extra = {}) {
  try {
    const fields = { active_seconds: turn.clock.seconds.toFixed(2), ...extra };
    const heard = JSON.parse((await post(turn.urls.heartbeatUrl, fields)).text);
    if (heard.progress && turn === current) progress(heard.progress);
  } catch (error) {
    if (!(error instanceof Refused)) return; // the answer itself will say that we are offline
    if (turn === current && !isBusy) trouble(error, null);
    queue = queue.filter((each) => each !== turn);
    if (turn !== current) prefetch();
  }
}

setInterval(() => {
  if (current && isAttentive(AWAY)) for (const turn of [current, ...queue]) beat(turn);
}, BEAT);

document.addEventListener("visibilitychange", () => {
  if (document.visibilityState === "hidden") {
    current?.draft.flush({ keepalive: true });
  } else {
    document.title = titleOfPage;
    pending?.();
    for (const turn of [current, ...queue].filter(Boolean)) beat(turn);
    if (!current && !isBusy) prefetch();
  }
});
window.addEventListener("pagehide", () => current?.draft.flush({ keepalive: true }));
window.addEventListener("online", () => pending?.());
window.addEventListener("pageshow", (event) => {
  if (event.persisted && current) beat(current); // back from the browser's memory: still ours?
});

tabs?.addEventListener("message", ({ data }) => {
  queue = queue.filter((turn) => turn.key !== data.done);
  if (current?.key === data.done && !isBusy) {
    current.draft.done();
    say("You answered this one in another tab.");
    advance();
  }
});

// --- choosing ---------------------------------------------------------------------------------

const stops = () => [...(current?.form.querySelectorAll(".scale__stops input") ?? [])];
const bothBad = () => current?.form.querySelector(".stop--bad input[type=radio]");

function pick(input) {
  if (!input || input.disabled) return;
  input.checked = true;
  input.dispatchEvent(new Event("change", { bubbles: true }));
  input.dispatchEvent(new Event("input", { bubbles: true }));
  input.focus({ preventScroll: true });
}

function move(step) {
  const all = stops().filter((stop) => !stop.disabled);
  if (all.length === 0) return false;
  const at = all.findIndex((stop) => stop.checked);
  const middle = (all.length - 1) / 2;
  const to = at < 0 ? (step < 0 ? Math.ceil(middle) - 1 : Math.floor(middle) + 1) : at + step;
  pick(all[Math.min(all.length - 1, Math.max(0, to))]);
  return true;
}

/** Say the choice in words, and send "both are bad" only with that choice. */
function noteChoice() {
  const caption = current?.form.querySelector(".scale__caption");
  const chosen = current?.form.querySelector("[data-needs-choice] input:checked");
  if (caption) caption.textContent = chosen ? chosen.dataset.words : caption.dataset.prompt;
  const flagOfBoth = current?.form.querySelector("input[name=both_bad]");
  if (flagOfBoth) flagOfBoth.disabled = !bothBad().checked;
}

stage.addEventListener("change", () => {
  const errors = current?.form.querySelector(".answer__errors");
  if (errors) errors.hidden = true;
  noteChoice();
});

// A reader who scrolls on after choosing must not change the choice by it: ← and → do that.
stage.addEventListener("keydown", (event) => {
  if (!event.target.matches(".stop input") || !/^Arrow(Up|Down)$/.test(event.key)) return;
  event.preventDefault();
  window.scrollBy(0, event.key === "ArrowUp" ? -80 : 80);
});

stage.addEventListener("submit", (event) => {
  event.preventDefault();
  submit();
});

// --- dialogs and panels -------------------------------------------------------------------------

function toggleGuidelines(open = guidelines.hidden) {
  if (guidelines.hidden === !open) return;
  guidelines.hidden = !open;
  screen.toggleAttribute("data-guidelines", open);
  document.querySelector("[data-action=guidelines]").setAttribute("aria-expanded", String(open));
  if (open) guidelines.querySelector("button").focus();
  else current?.element.focus({ preventScroll: true });
}

function ask(dialog) {
  if (!current || isBusy) return;
  dialog.querySelector("form").reset();
  dialog.showModal();
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
flagDialog.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && event.target.matches("textarea, input[type=radio]")) {
    event.preventDefault();
    flagDialog.querySelector("form").requestSubmit();
  }
});

const actions = {
  choose: (key) => pick(stops()[Number(key) - 1]),
  bothBad: () => pick(bothBad()),
  move: (key) => move(key === "ArrowLeft" ? -1 : 1),
  submit: () => submit(),
  rationale: () => current?.form.querySelector("[name=rationale]")?.focus(),
  leave: () => {
    if (!guidelines.hidden) toggleGuidelines(false);
    else current?.element.focus({ preventScroll: true });
  },
  undo,
  skip: () => ask(skipDialog),
  flag: () => ask(flagDialog),
  conversation: () => {
    const earlier = current?.element.querySelector("details.conversation__earlier");
    if (!earlier) return false;
    earlier.open = !earlier.open;
    return true;
  },
  guidelines: () => toggleGuidelines(),
  help: () => helpDialog.showModal(),
};
listen(actions);
document.addEventListener("click", (event) => {
  const action = event.target.closest("[data-action]")?.dataset.action;
  if (action) actions[action]();
});

writeHelp(helpDialog.querySelector("dl"));
const singleKeys = helpDialog.querySelector("input[type=checkbox]");
singleKeys.checked = singleKeysOn();
singleKeys.addEventListener("change", () => setSingleKeys(singleKeys.checked));

stage.addEventListener("input", (event) => {
  clearTimeout(retryTimer); // an answer that is being changed is not sent by itself
  if (!(event.target instanceof HTMLTextAreaElement)) return; // the reason grows as it is written
  event.target.rows = Math.min(6, event.target.value.split("\n").length);
});

forgetOld();
advance();
