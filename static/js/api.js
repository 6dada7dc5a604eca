/* Speak to the server: POST and GET, and one exception for each way it can go wrong. */

export class Offline extends Error {} // no answer at all, or the server is restarting
export class SignedOut extends Error {} // the session ended
export class Refused extends Error {} // not possible now; the message says why
export class Invalid extends Error {
  constructor(errors) {
    super(Object.values(errors).flat().join(" "));
    this.errors = errors; // field → list of sentences
  }
}

function csrfToken() {
  // Read at each request: signing in again in another tab changes it.
  const cookie = document.cookie.split("; ").find((each) => each.startsWith("csrftoken="));
  return cookie ? decodeURIComponent(cookie.slice("csrftoken=".length)) : "";
}

const MAX_KEPT_ALIVE = 60_000; // characters; browsers refuse larger bodies that outlive the page

/** POST a form; resolves to {status, text} (2xx), rejects with one of the exceptions above. */
export function post(url, fields, { keepalive = false } = {}) {
  const body = new URLSearchParams(fields).toString();
  return send(url, {
    method: "POST",
    body,
    headers: {
      "Content-Type": "application/x-www-form-urlencoded;charset=UTF-8",
      "X-CSRFToken": csrfToken(),
      "X-Requested-With": "fetch",
    },
    keepalive: keepalive && body.length < MAX_KEPT_ALIVE,
  });
}

/** GET what a script shows; as `post`. */
export function get(url) {
  return send(url, { headers: { "X-Requested-With": "fetch" }, cache: "no-store" });
}

async function send(url, options) {
  let response, text;
  try {
    response = await fetch(url, { credentials: "same-origin", redirect: "manual", ...options });
    text = await response.text();
  } catch {
    throw new Offline("The server cannot be reached.");
  }
  if (response.ok) return { status: response.status, text };
  if (response.type === "opaqueredirect" || response.status === 401 || response.status === 403) {
    throw new SignedOut("You are signed out.");
  }
  if (response.status >= 500) throw new Offline("The server has a problem.");
  const said = response.headers.get("Content-Type")?.includes("json") ? JSON.parse(text) : {};
  if (response.status === 422) throw new Invalid(said.errors ?? {});
  throw new Refused(said.message ?? "This item is not yours any more.");
}
