/* What is typed is kept: at once in this browser, a moment later on the server.

   Both copies carry a version; the newer one is shown again after a reload or a crash. The copy
   in the browser goes when the server has the answer. */

import { post, Offline } from "./api.js";

const PREFIX = "prefloop:draft:";
const PAUSE = 900; // ms without typing before the server is told
const KEEP = 14 * 24 * 3600 * 1000; // ms; older copies belong to items that are long gone

function read(key) {
  try {
    return JSON.parse(localStorage.getItem(PREFIX + key));
  } catch {
    return null;
  }
}

function write(key, draft) {
  try {
    localStorage.setItem(PREFIX + key, JSON.stringify(draft));
  } catch {
    /* full or forbidden: the server's copy remains */
  }
}

export function forget(key) {
  try {
    localStorage.removeItem(PREFIX + key);
  } catch {
    /* nothing was kept */
  }
}

export function forgetOld() {
  try {
    for (const name of Object.keys(localStorage)) {
      if (name.startsWith(PREFIX) && !(read(name.slice(PREFIX.length))?.saved > Date.now() - KEEP)) {
        localStorage.removeItem(name);
      }
    }
  } catch {
    /* nothing was kept */
  }
}

/** The form as {name: [values]}, without what the framework adds. */
export function fieldsOf(form) {
  const fields = {};
  for (const [name, value] of new FormData(form)) {
    if (name !== "csrfmiddlewaretoken") (fields[name] ??= []).push(value);
  }
  return fields;
}

/** Put the values back. A hidden field holds something of the answer only where it says data-draft. */
function fill(form, fields) {
  for (const control of form.elements) {
    if (!control.name || control.type === "submit") continue;
    if (control.type === "hidden" && !("draft" in control.dataset)) continue;
    const values = fields[control.name] ?? [];
    if (control.type === "radio" || control.type === "checkbox") {
      control.checked = values.includes(control.value);
    } else {
      control.value = values[0] ?? "";
    }
  }
}

/** Watches one form. `say(text)` shows where the draft is. */
export class Draft {
  #timer = null;
  #sent = 0;

  constructor(key, form, { url, version, fields, say }) {
    Object.assign(this, { key, form, url, say, version, isRestored: false });
    this.#sent = version;
    const local = read(key);
    const kept = local?.fields && local.version >= version ? local.fields : fields;
    if (kept) {
      this.version = Math.max(version, local?.version ?? 0);
      this.isRestored = true;
      fill(form, kept);
    }
    // Controls outside of the form belong to it, too; their events do not pass through it.
    (form.closest("[data-assignment]") ?? form).addEventListener("input", (event) => {
      if (event.target.form === form) this.#changed();
    });
  }

  #changed() {
    this.version += 1;
    write(this.key, { version: this.version, fields: fieldsOf(this.form), saved: Date.now() });
    this.say("");
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.flush(), PAUSE);
  }

  /** Tell the server now, if it does not know yet. */
  async flush({ keepalive = false } = {}) {
    clearTimeout(this.#timer);
    if (this.version <= this.#sent) return;
    const version = this.version;
    const fields = { draft: JSON.stringify(fieldsOf(this.form)), version };
    try {
      await post(this.url, fields, { keepalive });
      this.#sent = Math.max(this.#sent, version);
      if (version === this.version) this.say("Draft saved");
    } catch (error) {
      this.say(error instanceof Offline ? "Draft kept on this device" : "");
    }
  }

  /** The answer is stored: nothing is left to keep. */
  done() {
    clearTimeout(this.#timer);
    this.#sent = this.version;
    forget(this.key);
  }

  stop() {
    clearTimeout(this.#timer);
  }
}
