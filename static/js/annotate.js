/* The annotator's screen: shows one item, holds the next one ready, loses nothing.

   The server decides; this page keeps two fragments that it has claimed, the one shown and the
   one that follows, and swaps when the server has the answer.

   What is asked is the business of a task type's own module, tasks/NAME.js, which the fragment
   names in data-task-script:
     keys                      its rows of the key table
     start({ element, form })  of a fragment that was just made; returns
       keys                      its rows instead, where they depend on the item
       actions                   {name: (key, event) => …}, what its keys and [data-action] do
       show()                    called when the form was filled, and after each change of it
       lacking()                 {field: [sentence]} when something is missing yet, else null
       next()                    optional: true when it went to a further step of its own, and the
                                 answer is not to be sent yet; asked when nothing is lacking  */

import { Invalid, Offline, post, Refused, SignedOut } from "./api.js";
import { clearBanner, warn } from "./banner.js";
import { Clock, isAttentive } from "./clock.js";
import { Draft, forgetOld } from "./drafts.js";
import { KEYS, listen } from "./keys.js";
import { Notice } from "./notices.js";
import { startPanels } from "./panels.js";
import { Reading } from "./reading.js";
import { SubmitKey, taskOf } from "./task.js";
import { Warning } from "./warning.js";

const screen = document.getElementById("screen");
const stage = document.getElementById("stage");
const empty = document.getElementById("empty");
const emptyText = document.getElementById("empty-text");
const caughtUp = [...emptyText.childNodes];
const status = document.getElementById("status");
const urls = screen.dataset;

const POLL = 5_000; // ms between looks at an empty queue
const RETRY = 5_000; // ms between tries while the server is away
const SUBMIT_BAR = 140; // px at the lower edge that the scale and the buttons may cover
const AWAY = 5 * 60_000; // ms without a sign of life after which the lease is left to run out
const BEAT = Math.min(30, Math.max(5, Number(urls.lease) / 3)) * 1000;
const tabs = "BroadcastChannel" in window ? new BroadcastChannel("prefloop") : null;
const titleOfPage = document.title;

let limit = null; // what the server says instead of an item to who has answered enough
const counts = {}; // answers: done and total in the project, mine
for (const place of document.querySelectorAll("p [data-progress]")) {
  counts[place.dataset.progress] = Number(place.textContent);
}

let change = new URLSearchParams(location.search).get("change") ?? ""; // an own answer, reopened
let current = null; // the turn on the screen
let queue = []; // turns claimed and not shown yet
let fetching = null; // the request that fills the queue
let isBusy = false; // an answer, skip or undo is on its way
let announced = null; // the key of the turn whose coming went along with the answer before it
let retryTimer = null;
let pollTimer = null;
let statusTimer = null;
let pending = null; // what to do again once the server or the session is back
const flags = new Set(); // said of an item, and not at the server yet

// --- a turn -----------------------------------------------------------------------------------

/** One assignment: its fragment, its draft, its clock. */
class Turn {
  constructor(element, task) {
    this.element = element;
    this.key = element.dataset.assignment;
    this.form = element.querySelector("form");
    this.urls = element.dataset;
    this.clock = new Clock(Number(element.dataset.seconds));
    this.draft = null;
    this.submitKey = new SubmitKey();
    this.task = task.start(this);
    this.keys = this.task.keys ?? task.keys;
    this.reading = "reading" in element.dataset ? new Reading(element) : null;
    this.warning = "veiled" in element.dataset
      ? new Warning(element, { optOut, passed: () => element.focus({ preventScroll: true }) })
      : null;
  }

  /** What stands before the answer yet, with keys and actions of its own; else null. */
  get gate() {
    return [this.warning, this.reading].find((gate) => gate?.isOpen) ?? null;
  }

  open() {
    this.draft ??= new Draft(this.key, this.form, {
      url: this.urls.draftUrl,
      version: Number(this.urls.draftVersion),
      fields: JSON.parse(this.urls.draft || "null"),
      say: (text) => this.sayDraft(text),
    });
    if (this.draft.isRestored) this.reading?.end(); // whoever began to answer has read
    this.clock.start();
  }

  sayDraft(text) {
    this.element.querySelector(".answer__draft").textContent = text;
  }

  close() {
    this.clock.stop();
    this.draft?.stop();
  }
}

async function turnFrom({ status, text }) {
  limit = null;
  if (status === 204) return null;
  const page = new DOMParser().parseFromString(text, "text/html");
  limit = page.querySelector("[data-limit]");
  if (limit) return null; // said on the empty screen, once what is held is answered
  const element = document.adoptNode(page.querySelector("[data-assignment], [data-notice]"));
  if (element.dataset.notice) return new Notice(element);
  return new Turn(element, await taskOf(element));
}

// --- taking items -----------------------------------------------------------------------------

/** Claim one more item into the queue; one request at a time, shared by all who wait for it. */
function refill() {
  fetching ??= (async () => {
    const held = [current, ...queue].filter(Boolean).map((turn) => turn.key);
    const turn = await turnFrom(await post(urls.nextUrl, { held: held.join(","), change }));
    if (!(turn instanceof Notice)) change = "";
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
    // A request that left before the answer did may know nothing of what follows from it.
    await fetching?.catch(() => {});
    if (queue.length === 0) await refill();
  } catch (error) {
    showEmpty();
    return trouble(error, advance);
  }
  calm();
  if (current) return undefined; // someone else who waited has shown it
  const ready = queue.shift();
  return ready ? show(ready) : showEmpty();
}

// Two quick Enters are one: the second one is not meant for what came up meanwhile.
let lastEnter = -Infinity;
let shownAt = -Infinity;
document.addEventListener("keydown", (event) => {
  const isMeantForLast =
    event.key === "Enter" && event.timeStamp - lastEnter < 300 && shownAt > lastEnter;
  lastEnter = event.key === "Enter" ? event.timeStamp : -Infinity;
  if (!isMeantForLast) return;
  event.preventDefault();
  event.stopImmediatePropagation();
}, true);

function show(turn) {
  shownAt = performance.now();
  const wasEmpty = !empty.hidden;
  current = turn;
  empty.hidden = true;
  stage.setAttribute("aria-busy", "false");
  stage.replaceChildren(turn.element);
  screen.dataset.state = "item";
  turn.open();
  turn.sayDraft(turn.draft.isRestored ? "Your draft is back" : "");
  window.scrollTo(0, 0);
  (turn.warning?.isOpen ? turn.warning : turn.element).focus({ preventScroll: true });
  turn.task.show();
  document.title = wasEmpty && document.hidden ? `● New item · ${titleOfPage}` : titleOfPage;
  // An answer that was changed is done with: loading the page again is no reason to open it again.
  if (location.search && !location.search.includes(turn.key)) {
    history.replaceState(history.state, "", location.pathname);
  }
  if (turn.key !== announced) beat(turn, { opened: "1" });
  announced = null;
  prefetch();
  if (turn instanceof Notice) status.classList.remove("is-fresh"); // it offers to undo
  if (turn.isWatched) watch(turn);
}

/** Look for what comes after a notice that only others can end, but not while somebody writes. */
function watch(notice) {
  clearTimeout(pollTimer);
  pollTimer = setTimeout(async () => {
    if (current !== notice) return;
    if (document.visibilityState === "visible" && !isBusy) await prefetch();
    if (current !== notice) return;
    if (queue.length > 0 && !isBusy && !notice.isWrittenOn) advance();
    else watch(notice);
  }, POLL);
}

function showEmpty() {
  stage.replaceChildren();
  stage.setAttribute("aria-busy", "false");
  emptyText.replaceChildren(...(limit ? document.importNode(limit, true).childNodes : caughtUp));
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
  if (current instanceof Notice) return accept();
  const turn = current;
  const lacking = turn.task.lacking();
  if (lacking) return complain(lacking);
  if (turn.task.next?.()) return;
  const fields = new URLSearchParams(new FormData(turn.form));
  fields.set("submit_key", turn.submitKey.of(turn.form));
  fields.set("seconds", turn.clock.seconds.toFixed(2));
  await act(async () => {
    const ready = queue[0] instanceof Turn ? queue[0].key : null;
    if (ready) fields.set("opens", ready);
    const heard = JSON.parse((await post(turn.form.action, fields)).text);
    announced = heard.opened ? ready : null;
    turn.draft.done();
    tabs?.postMessage({ done: turn.key });
    progress(heard.progress ?? { done: counts.done + 1, mine: counts.mine + 1 });
    say("Saved", { undo: true });
    await advance();
  }, submit);
}

/** Something that had to be read is read: go on. */
async function accept() {
  const notice = current;
  await act(async () => {
    await post(notice.form.action, new FormData(notice.form));
    notice.accepted();
    await advance();
  }, accept);
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
  flags.add({ url: turn.urls.flagUrl, fields: { reason, note } });
  await tellFlags();
}

/** Whatever is done meanwhile, a flag waits until the server has it, and nothing waits for it. */
async function tellFlags() {
  try {
    await sendFlags();
  } catch (error) {
    const isMore = pending && pending !== tellFlags; // which takes the flags along when it succeeds
    return isMore ? undefined : trouble(error, tellFlags);
  }
  if (pending === tellFlags) calm();
  return say("Flagged. You can still answer or skip it.");
}

async function sendFlags() {
  for (const each of flags) {
    try {
      await post(each.url, each.fields); // twice at once does no harm: the server keeps one
    } catch (error) {
      if (error instanceof Refused || error instanceof Invalid) flags.delete(each);
      throw error;
    }
    flags.delete(each);
  }
}

/** Be asked nothing of this category any more; the item goes back, and what is held ready of it. */
async function optOut() {
  const turn = current;
  if (!turn) return;
  await act(async () => {
    await fetching?.catch(() => {}); // or an item of it might still come
    await post(turn.warning.url, {});
    const { category } = turn.warning;
    for (const each of [turn, ...queue].filter((one) => one.warning?.category === category)) {
      each.draft?.done();
      tabs?.postMessage({ done: each.key });
      queue = queue.filter((one) => one !== each);
    }
    say("You are shown no more of it. The project’s page takes that back.");
    await advance();
  }, optOut);
}

async function undo() {
  await act(async () => {
    const turn = await turnFrom(await post(urls.undoUrl, {}));
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
    if (current || pending === again) calm(); // else the trouble is about what comes next
    sendFlags().catch(() => {}); // what could not be sent before
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
    const wrote = again === submit || again === tellFlags;
    const kept = "What you wrote is kept, and is sent as soon as it answers.";
    return warn(`${error.message} ${wrote ? kept : "This is tried again until it answers."}`, [
      ["Try now", again],
    ]);
  }
  if (error instanceof Refused) {
    return warn(error.message, [["Next item", () => (calm(), advance())]]);
  }
  throw error;
}

function calm() {
  clearTimeout(retryTimer);
  pending = null;
  clearBanner();
}

/** Show what the form lacks, beside the field that lacks it. */
function complain(errors) {
  const box = current?.form.querySelector(".answer__errors");
  if (!box) return;
  box.textContent = Object.values(errors).flat().join(" ");
  box.hidden = false;
  const [lacking] = Object.keys(errors);
  const first = [...current.form.elements].find((control) => control.name === lacking);
  first?.focus({ preventScroll: true });
  reveal(first?.closest("fieldset, .answer__rationale") ?? first);
}

/** On a narrow screen what is lacking may lie below the edge, or under what sticks to it. */
function reveal(place) {
  if (!place) return;
  const { top, bottom } = place.getBoundingClientRect();
  const { bottom: bar } = document.querySelector(".topbar").getBoundingClientRect();
  if (top < bar || bottom > innerHeight - SUBMIT_BAR) place.scrollIntoView({ block: "center" });
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
  if (turn instanceof Notice) return;
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

/** What was lacking is being mended. */
function uncomplain() {
  const errors = current?.form.querySelector(".answer__errors");
  if (errors) errors.hidden = true;
}

stage.addEventListener("change", () => {
  uncomplain();
  current?.task.show();
});

// A reader who scrolls on after choosing must not change the choice by it: ← and → do that.
stage.addEventListener("keydown", (event) => {
  if (!event.target.matches(".stop input, .respect input") || !/^Arrow(Up|Down)$/.test(event.key)) return;
  event.preventDefault();
  window.scrollBy(0, event.key === "ArrowUp" ? -80 : 80);
});

stage.addEventListener("submit", (event) => {
  event.preventDefault();
  submit();
});

// --- dialogs and panels -------------------------------------------------------------------------

/** The keys of now. Before a gate is passed nothing can be answered. */
function keys() {
  if (!current?.gate) return [...(current?.keys ?? []), ...KEYS];
  const open = KEYS.filter((row) => !["submit", "rationale"].includes(row.action));
  return [...current.gate.keys, ...open];
}
const actions = {
  submit: () => submit(),
  rationale: () => current?.form.querySelector("[name=rationale]")?.focus(),
  undo,
  conversation: () => {
    const earlier = current?.element.querySelector("details.conversation__earlier");
    if (!earlier) return false;
    earlier.open = !earlier.open;
    return true;
  },
  ...startPanels({
    mayAsk: () => current && !isBusy && !(current instanceof Notice),
    skip,
    flag,
    goBack: () => current?.element.focus({ preventScroll: true }),
    keys,
  }),
};
const allActions = () => ({ ...actions, ...(current?.gate ?? current?.task)?.actions });
listen(() => [keys(), allActions()]);
document.addEventListener("click", (event) => {
  const action = event.target.closest("[data-action]")?.dataset.action;
  if (action) allActions()[action]?.(null, event);
});

stage.addEventListener("input", (event) => {
  uncomplain();
  if (pending === submit) { // an answer that is being changed is not sent by itself
    clearTimeout(retryTimer);
    pending = null;
    warn("Your answer could not be sent, and you are changing it now. Send it when you are done.", []);
  }
  if (!event.target.matches("[name=rationale]")) return; // the reason grows as it is written
  event.target.rows = Math.min(6, event.target.value.split("\n").length);
});

forgetOld();
advance();
