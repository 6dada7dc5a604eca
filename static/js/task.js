/* A fragment's task type, and the key under which its answer is sent. */

import { Offline } from "./api.js";
import { fieldsOf } from "./drafts.js";

/** A task type that needs nothing but its form's own controls. */
const plainTask = { keys: [], start: () => ({ actions: {}, show() {}, lacking: () => null }) };

/** The module that the fragment names in data-task-script; the head of annotate.js says what it exports. */
export async function taskOf(element) {
  const script = element?.dataset.taskScript;
  if (!script) return plainTask;
  try {
    return await import(script);
  } catch {
    throw new Offline("The server does not answer.");
  }
}

export function randomKey() {
  // crypto.randomUUID is absent where the page is served over plain HTTP
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) =>
    byte.toString(16).padStart(2, "0"),
  ).join("");
}

/** The same answer always carries the same key, so that sending it twice stores it once. */
export class SubmitKey {
  #body = "";
  #key = "";

  of(form) {
    const body = JSON.stringify(fieldsOf(form));
    if (body !== this.#body) [this.#body, this.#key] = [body, randomKey()];
    return this.#key;
  }
}
