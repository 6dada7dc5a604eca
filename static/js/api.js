/* Speak to the server: one POST, and one exception for each way it can go wrong. */

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

/** POST a form; resolves to {status, text} (2xx), rejects with one of the exceptions above. */
export async function post(url, fields, { keepalive = false } = {}) {
  let response, text;
  try {
    response = await fetch(url, {
      method: "POST",
      body: new URLSearchParams(fields),
      headers: { "X-CSRFToken": csrfToken(), "X-Requested-With": "fetch" },
      credentials: "same-origin",
      redirect: "manual",
      keepalive,
    });
    text = await response.text();
  } catch {
    throw new Offline("The server cannot be reached.");
  }
  if (response.ok) return { status: response.status, text };
  if (response.type === "opaqueredirect" || response.status === 401 || response.status === 403) {
    throw new SignedOut("You are signed out.");
  }
  if (response.status >= 500) throw new Offline("The server has a problem.");
  const body = response.headers.get("Content-Type")?.includes("json") ? JSON.parse(text) : {};
  if (response.status === 422) throw new Invalid(body.errors ?? {});
  throw new Refused(body.message ?? "This item is not yours any more.");
}
