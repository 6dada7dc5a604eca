/* Counts the seconds that a person really looks at an item: the page is visible and focused, and
   something was touched in the last minute. */

const IDLE = 60_000; // ms without a key, a move or a scroll

let lastSign = performance.now();
for (const type of ["keydown", "pointermove", "pointerdown", "scroll", "touchstart", "focus"]) {
  window.addEventListener(type, () => (lastSign = performance.now()), { passive: true, capture: true });
}

export function isAttentive(within = IDLE) {
  return document.visibilityState === "visible" && document.hasFocus() &&
    performance.now() - lastSign < within;
}

export class Clock {
  #timer = null;

  constructor(seconds = 0) {
    this.seconds = seconds;
  }

  start() {
    this.stop();
    lastSign = performance.now();
    let before = performance.now();
    this.#timer = setInterval(() => {
      const now = performance.now();
      if (isAttentive()) this.seconds += Math.min((now - before) / 1000, 2);
      before = now;
    }, 250);
  }

  stop() {
    clearInterval(this.#timer);
  }
}
