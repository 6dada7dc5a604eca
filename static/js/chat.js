/* Chat: one conversation. The server says how it stands; this page shows that, asks again every
   second while models are at work, and loses nothing that is typed.

   The choice between answers is the fragment of an item, run by its task type's own module (the
   head of annotate.js says what that exports). */

import { get, Invalid, Offline, post, Refused, SignedOut } from "./api.js";
import { clearBanner, warn } from "./banner.js";
import { Clock, isAttentive } from "./clock.js";
import { Draft, forgetOld } from "./drafts.js";
import { KEYS, listen } from "./keys.js";
import { startPanels } from "./panels.js";
import { SubmitKey, taskOf } from "./task.js";

const screen = document.getElementById("screen");
const stage = document.getElementById("stage");
const status = document.getElementById("status");
const composer = document.getElementById("composer"); // absent where chat is switched off
const urls = screen.dataset;
const titleOfPage = document.title;
const isTouch = matchMedia("(pointer: coarse)").matches;

const POLL = 1_000; // ms between looks at a conversation that waits for models
const RETRY = 5_000; // ms between tries while the server is away
const AWAY = 5 * 60_000; // ms without a sign of life after which the lease is left to run out
const BEAT = Math.min(30, Math.max(5, Number(urls.lease) / 3)) * 1000;

const CHAT_KEYS = [
  { keys: ["Enter"], show: ["Enter"], action: "submit", label: "Send the message or the choice", always: true },
  { keys: ["v"], show: ["V"], action: "edit", label: "Edit the answer that the conversation goes on with" },
  { keys: ["u"], show: ["U"], action: "change", label: "Change your last choice" },
  { keys: ["t"], show: ["T"], action: "retry", label: "Try again, when answers did not come" },
  { keys: ["w"], show: ["W"], action: "reword", label: "Write; change a message that was not answered" },
  { keys: ["n"], show: ["N"], action: "start", label: "New conversation" },
  ...KEYS.filter((row) => !["submit", "undo", "conversation"].includes(row.action)),
];

let turn = null; // the choice on the screen, while there is one
let isBusy = false;
let pollTimer = null;
let retryTimer = null;
let statusTimer = null;
let pending = null; // what to do again once the server or the session is back

// --- the conversation -----------------------------------------------------------------------------

const thread = () => stage.querySelector(".thread");
const itemIn = (part) => part.querySelector("[data-assignment]");
const state = () => thread().dataset.state;

/** Show the fragment that the server sent. */
async function show(html) {
  const page = new DOMParser().parseFromString(html, "text/html");
  const shown = document.adoptNode(page.querySelector(".thread"));
  const task = await taskOf(itemIn(shown)); // first: whoever sees the answers can choose at once
  stage.replaceChildren(shown);
  enter(task);
}

/** Make what is shown work. */
function enter(task) {
  clearTimeout(pollTimer);
  turn?.close();
  turn = null;
  showInList();
  if (state() === "waiting") pollTimer = setTimeout(poll, POLL);
  if (composer) composer.hidden = !["empty", "failed", "settled"].includes(state());
  if (state() === "choosing") {
    const element = stage.querySelector("[data-assignment]");
    turn = new Choice(element, task);
    turn.open();
    scrollToItem(element);
    element.focus({ preventScroll: true });
    beat(turn, { opened: "1" });
    if (document.hidden) document.title = `● Answers · ${titleOfPage}`;
  } else {
    window.scrollTo(0, document.documentElement.scrollHeight);
    if (composer && !composer.hidden && !isTouch) composer.text.focus({ preventScroll: true });
  }
}

/** The list was made with the page: say there what this conversation is about by now. */
function showInList() {
  const opening = stage.querySelector(".message--user .message__text")?.textContent.trim();
  const line = document.querySelector(".chat-list a[aria-current]");
  if (!line || !opening) return;
  line.querySelector(".chat-list__opening").textContent = opening.slice(0, 80);
  line.querySelector(".number").textContent = thread().dataset.number;
}

/** What is to be compared comes below what was asked: both in view where there is room. */
function scrollToItem(element) {
  const question = stage.querySelector(".thread__messages > .message:last-child") ?? element;
  window.scrollTo(0, question.getBoundingClientRect().top + window.scrollY - 16);
}

async function poll() {
  clearTimeout(pollTimer);
  try {
    const answer = await get(`${urls.threadUrl}?seen=${encodeURIComponent(thread().dataset.token)}`);
    if (pending === poll) calm();
    if (answer.status !== 204) return await show(answer.text);
  } catch (error) {
    return trouble(error, poll);
  }
  pollTimer = setTimeout(poll, document.hidden ? 5 * POLL : POLL);
  return undefined;
}

// --- writing --------------------------------------------------------------------------------------

let composing = null; // the composer's draft
let sending = new SubmitKey();

function startComposer() {
  composing = new Draft(`chat:${composer.dataset.key}`, composer, {
    url: composer.dataset.draftUrl,
    version: Number(composer.dataset.draftVersion),
    fields: JSON.parse(composer.dataset.draft || "null"),
    say: (text) => (composer.querySelector(".composer__draft").textContent = text),
  });
  // The last message was stored although this page never heard of it: it is no draft any more.
  if (composer.text.value && composer.text.value === thread().dataset.lastText) emptyComposer();
  grow(composer.text);
}

function emptyComposer() {
  composing.done();
  composer.text.value = "";
  composing.say("");
  grow(composer.text);
}

async function send() {
  const text = composer.text.value;
  if (!text.trim()) return complain({ text: ["Write something first."] });
  return act(async () => {
    const answer = await post(urls.sendUrl, { text, send_key: sending.of(composer) });
    sending = new SubmitKey(); // the same words once more are another message
    if (composer.text.value === text) emptyComposer();
    await show(answer.text);
  }, send);
}

async function retry() {
  await act(async () => show((await post(urls.retryUrl, {})).text), retry);
}

function reword() {
  if (!composer || composer.hidden) return;
  if (state() === "failed" && !composer.text.value) {
    composer.text.value = thread().dataset.lastText;
    composer.text.dispatchEvent(new Event("input", { bubbles: true }));
  }
  composer.text.focus();
  composer.text.setSelectionRange(composer.text.value.length, composer.text.value.length);
}

async function change() {
  if (!stage.querySelector("[data-action=change]")) return;
  await act(async () => show((await get(`${urls.threadUrl}?change=1`)).text), change);
}

// --- choosing -------------------------------------------------------------------------------------

/** The item on the screen: its draft, its clock, and what the conversation goes on with. */
class Choice {
  constructor(element, task) {
    this.element = element;
    this.form = element.querySelector("form");
    this.urls = element.dataset;
    this.clock = new Clock(Number(element.dataset.seconds));
    this.submitKey = new SubmitKey();
    this.task = task.start(this);
    this.keys = this.task.keys ?? task.keys;
    this.edited = this.form.querySelector("[name=edited]");
    this.goOn = this.form.querySelector("[name=go_on]");
  }

  open() {
    this.draft = new Draft(this.urls.assignment, this.form, {
      url: this.urls.draftUrl,
      version: Number(this.urls.draftVersion),
      fields: JSON.parse(this.urls.draft || "null"),
      say: (text) => (this.element.querySelector(".answer__draft").textContent = text),
    });
    this.clock.start();
    if (this.edited.value) this.showEditor(true);
    this.task.show();
  }

  close() {
    this.clock.stop();
    this.draft.stop();
  }

  /** The place of the response that is best as the form stands; the first of equal ones. */
  best() {
    const fields = new FormData(this.form);
    const strength = Number(fields.get("strength") ?? 0);
    if (strength) return strength > 0 ? 0 : 1;
    const ranks = [...this.goOn.options].slice(1).map((_, place) => Number(fields.get(`rank_${place}`)) || Infinity);
    return ranks.indexOf(Math.min(...ranks));
  }

  toggleEditor() {
    const isOpen = !this.edited.closest(".go-on__edited").hidden;
    if (isOpen) this.edited.value = "";
    else {
      if (this.goOn.value === "") this.goOn.value = String(this.best());
      this.edited.value = this.goOn.selectedOptions[0].dataset.text;
    }
    this.showEditor(!isOpen);
    this.edited.dispatchEvent(new Event("input", { bubbles: true }));
    if (isOpen) this.element.focus({ preventScroll: true });
    else this.edited.focus();
  }

  showEditor(isOpen) {
    this.edited.closest(".go-on__edited").hidden = !isOpen;
    const button = this.form.querySelector("[data-action=edit]");
    button.setAttribute("aria-expanded", String(isOpen));
    button.firstChild.textContent = isOpen ? "Don’t edit " : "Edit it ";
  }
}

async function choose() {
  const lacking = turn.task.lacking();
  if (lacking) return complain(lacking);
  const chosen = turn;
  const fields = new URLSearchParams(new FormData(chosen.form));
  fields.set("submit_key", chosen.submitKey.of(chosen.form));
  fields.set("seconds", chosen.clock.seconds.toFixed(2));
  return act(async () => {
    const answer = await post(urls.chooseUrl, fields);
    chosen.draft.done();
    await show(answer.text);
    say("Saved");
  }, choose);
}

async function skip(reason) {
  const skipped = turn;
  await act(async () => {
    await post(skipped.urls.skipUrl, { reason });
    skipped.draft.done();
    await show((await get(urls.threadUrl)).text);
    say("Skipped. The conversation goes on with one of them.");
  }, () => skip(reason));
}

async function flag(reason, note) {
  const flagged = turn;
  await act(async () => {
    await post(flagged.urls.flagUrl, { reason, note });
    say("Flagged. You can still choose or skip.");
  }, () => flag(reason, note));
}

async function submit() {
  if (turn) return choose();
  if (composer && !composer.hidden && document.activeElement === composer.text) return send();
  if (composer && !composer.hidden) composer.text.focus();
  return undefined;
}

// --- when something is wrong ----------------------------------------------------------------------

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
  }
}

function trouble(error, again) {
  clearTimeout(retryTimer);
  pending = null;
  if (error instanceof Invalid) return complain(error.errors);
  if (error instanceof Offline || error instanceof SignedOut) pending = again;
  if (error instanceof SignedOut) {
    return warn("You are signed out. What you wrote is kept here: sign in, then come back to this tab.", [
      ["Sign in", () => window.open(urls.loginUrl, "_blank")],
      ["Go on", again],
    ]);
  }
  if (error instanceof Offline) {
    retryTimer = setTimeout(again, RETRY);
    return warn(`${error.message} What you wrote is kept, and this goes on as soon as it answers.`, [
      ["Try now", again],
    ]);
  }
  if (error instanceof Refused) {
    return warn(error.message, [["Show how it stands", () => (calm(), reload())]]);
  }
  throw error;
}

async function reload() {
  await act(async () => show((await get(urls.threadUrl)).text), reload);
}

function calm() {
  clearTimeout(retryTimer);
  pending = null;
  clearBanner();
}

/** Show what is lacking, beside the form that lacks it. */
function complain(errors) {
  const form = turn?.form ?? composer;
  const box = form.querySelector(".answer__errors, .composer__errors");
  box.textContent = Object.values(errors).flat().join(" ");
  box.hidden = false;
  form.querySelector(`[name="${CSS.escape(Object.keys(errors)[0] ?? "")}"]`)?.focus({ preventScroll: true });
}

function say(text) {
  status.textContent = text;
  status.classList.add("is-fresh");
  clearTimeout(statusTimer);
  statusTimer = setTimeout(() => status.classList.remove("is-fresh"), 2_400);
}

// --- signs of life --------------------------------------------------------------------------------

async function beat(choice, extra = {}) {
  try {
    await post(choice.urls.heartbeatUrl, { active_seconds: choice.clock.seconds.toFixed(2), ...extra });
  } catch (error) {
    if (error instanceof Refused && choice === turn && !isBusy) trouble(error, null);
  }
}

setInterval(() => {
  if (turn && isAttentive(AWAY)) beat(turn);
}, BEAT);

document.addEventListener("visibilitychange", () => {
  if (document.visibilityState === "hidden") {
    turn?.draft.flush({ keepalive: true });
    composing?.flush({ keepalive: true });
  } else {
    document.title = titleOfPage;
    if (pending) pending();
    else if (state() === "waiting") poll();
    if (turn) beat(turn);
  }
});
window.addEventListener("pagehide", () => {
  turn?.draft.flush({ keepalive: true });
  composing?.flush({ keepalive: true });
});
window.addEventListener("online", () => pending?.());

// --- forms, dialogs, keys -------------------------------------------------------------------------

function grow(area) {
  area.rows = Math.min(8, area.value.split("\n").length);
}

stage.addEventListener("change", () => {
  const errors = turn?.form.querySelector(".answer__errors");
  if (errors) errors.hidden = true;
  turn?.task.show();
});
stage.addEventListener("submit", (event) => {
  event.preventDefault();
  submit();
});
document.addEventListener("input", (event) => {
  clearTimeout(retryTimer); // what is being changed is not sent by itself
  if (pending !== poll) pending = null;
  if (event.target.matches("[name=rationale], #composer-text")) grow(event.target);
});
// A reader who scrolls on after choosing must not change the choice by it: ← and → do that.
stage.addEventListener("keydown", (event) => {
  if (event.target.matches(".stop input, .respect input") && /^Arrow(Up|Down)$/.test(event.key)) {
    event.preventDefault();
    window.scrollBy(0, event.key === "ArrowUp" ? -80 : 80);
  }
});

// In a text of several lines Enter is a new line, and Ctrl or ⌘ with it sends; in the composer Enter
// sends too, but on a keyboard of glass, which has no other key for a new line.
document.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.isComposing || !event.target.matches("textarea")) return;
  const isComposer = event.target === composer?.text;
  const isEditor = event.target.name === "edited";
  if (!isComposer && !isEditor) return;
  event.stopImmediatePropagation();
  if (event.ctrlKey || event.metaKey || (isComposer && !event.shiftKey && !isTouch)) {
    event.preventDefault();
    if (!event.repeat) (isComposer ? send : choose)();
  }
});

const keys = () => [...(turn?.keys ?? []), ...CHAT_KEYS];
const actions = {
  submit,
  edit: () => turn?.toggleEditor(),
  change,
  retry: () => state() === "failed" && retry(),
  reword,
  start: () => document.getElementById("new-conversation").requestSubmit(),
  rationale: () => turn?.form.querySelector("[name=rationale]")?.focus(),
  ...startPanels({
    mayAsk: () => turn && !isBusy,
    skip,
    flag,
    goBack: () => (turn ? turn.element.focus({ preventScroll: true }) : document.activeElement?.blur()),
    keys,
  }),
};
const allActions = () => ({ ...actions, ...turn?.task.actions });
listen(() => [keys(), allActions()]);
document.addEventListener("click", (event) => {
  const action = event.target.closest("[data-action]")?.dataset.action;
  if (action) allActions()[action]?.(null, event);
});
composer?.addEventListener("submit", (event) => {
  event.preventDefault();
  send();
});
composer?.addEventListener("input", () => (composer.querySelector(".composer__errors").hidden = true));

forgetOld();
if (composer) startComposer();
taskOf(itemIn(stage)).then(enter).catch((error) => trouble(error, reload));
