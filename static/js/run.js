/* Fetch a run's curves, and go on fetching what is new while it is under way. */

import { Panels } from "./charts.js";

const EVERY = 2000;

async function follow(container) {
  const panels = new Panels(container);
  const url = new URL(container.dataset.curves, location.href);
  let live = true;
  while (live) {
    try {
      const answer = await fetch(url, { headers: { Accept: "application/json" } });
      if (answer.ok) {
        const curves = await answer.json();
        panels.add(curves.panels);
        live = curves.live && "live" in container.dataset;
        if (curves.last !== null && curves.last !== undefined) url.searchParams.set("after", curves.last);
      } else if (answer.status < 500) return; // signed out or gone: the page says so when it reloads
    } catch {
      /* no connection now: the next round tries again */
    }
    if (live) await new Promise((done) => setTimeout(done, document.hidden ? 5 * EVERY : EVERY));
  }
}

document.querySelectorAll("[data-curves]").forEach(follow);

/* The polled card is replaced as a whole; an opened log stays open and at its end. */
let open = null;
document.addEventListener("htmx:beforeSwap", () => (open = document.getElementById("log")?.open ?? null));
document.addEventListener("htmx:afterSwap", () => {
  const log = document.getElementById("log");
  if (!log || open === null) return;
  log.open = open;
  const text = log.querySelector(".log");
  text.scrollTop = text.scrollHeight;
});
