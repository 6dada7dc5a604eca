/* Drag a chip along the strip, by mouse, pen or finger: before a group, after it, or onto it. */

const SLACK = 6; // px a pointer may tremble before it drags
const REACH = 90; // px above and below the strip that still count as on it
const EDGE = 36; // px from the strip's ends where it scrolls by itself

/** `drop(place, target)` hears where a chip was let go: {at, tie} or {isOut: true}. */
export function makeDraggable(strip, { mayTie, drop }) {
  let drag = null;
  let wasDragged = false;

  strip.addEventListener("pointerdown", (event) => {
    const chip = event.target.closest(".chip");
    if (!chip || event.button !== 0 || drag) return;
    drag = { chip, pointer: event.pointerId, x: event.clientX, y: event.clientY, ghost: null };
    chip.setPointerCapture(event.pointerId);
  });

  strip.addEventListener("pointermove", (event) => {
    if (!drag || event.pointerId !== drag.pointer) return;
    const [dx, dy] = [event.clientX - drag.x, event.clientY - drag.y];
    if (!drag.ghost) {
      if (Math.hypot(dx, dy) < SLACK) return;
      lift();
    }
    drag.ghost.style.transform = `translate(${dx}px, ${dy}px)`;
    drag.at = [event.clientX, event.clientY];
    aim();
  });

  strip.addEventListener("pointerup", (event) => {
    if (!drag || event.pointerId !== drag.pointer) return;
    const { ghost, target, chip } = drag;
    end();
    if (!ghost) return;
    wasDragged = true; // the click that follows is no choice
    setTimeout(() => (wasDragged = false));
    if (target) drop(Number(chip.dataset.place), target);
  });
  strip.addEventListener("pointercancel", end);
  strip.addEventListener("lostpointercapture", end);
  strip.addEventListener("click", (event) => wasDragged && event.stopImmediatePropagation(), true);

  function giveUp(event) {
    if (event.key !== "Escape") return;
    event.preventDefault();
    event.stopPropagation();
    wasDragged = true; // until the button is let go
    addEventListener("pointerup", () => setTimeout(() => (wasDragged = false)), { once: true });
    end();
  }

  function lift() {
    const box = drag.chip.getBoundingClientRect();
    const ghost = drag.chip.cloneNode(true);
    for (const name of ["role", "tabindex", "aria-selected", "data-place"]) ghost.removeAttribute(name);
    ghost.setAttribute("aria-hidden", "true");
    ghost.classList.add("chip--ghost");
    Object.assign(ghost.style, {
      left: `${box.left}px`, top: `${box.top}px`, width: `${box.width}px`, height: `${box.height}px`,
    });
    strip.parentElement.append(ghost);
    drag.ghost = ghost;
    drag.chip.classList.add("is-dragged");
    document.addEventListener("keydown", giveUp, true);
    requestAnimationFrame(scrollAtTheEdge);
  }

  function end() {
    if (!drag) return;
    drag.ghost?.remove();
    drag.chip.classList.remove("is-dragged");
    mark(null);
    document.removeEventListener("keydown", giveUp, true);
    drag = null;
  }

  function aim() {
    const found = targetAt(...drag.at);
    drag.target = found?.target ?? null;
    mark(found);
  }

  function mark(found) {
    for (const part of strip.children) {
      if (part === found?.part) part.dataset.drop = found.how;
      else delete part.dataset.drop;
    }
  }

  function targetAt(x, y) {
    const box = strip.getBoundingClientRect();
    if (y < box.top - REACH || y > box.bottom + REACH) return null;
    const parts = [...strip.children];
    const part = parts.find((each) => x <= each.getBoundingClientRect().right + 4) ?? parts.at(-1);
    if (part.matches(".board__unranked")) return { part, how: "in", target: { isOut: true } };
    const at = Number(part.dataset.at);
    if (part.matches(".board__next")) return { part, how: "in", target: { at, tie: false } };
    const { left, right, width } = part.getBoundingClientRect();
    const chips = part.querySelectorAll(".chip");
    const rim = (width / chips.length) * (mayTie ? 0.3 : 0.5);
    if (x < left + rim) return { part, how: "before", target: { at, tie: false } };
    if (x > right - rim) return { part, how: "after", target: { at: at + 1, tie: false } };
    if (!mayTie || (chips.length === 1 && chips[0] === drag.chip)) return null;
    return { part, how: "tie", target: { at, tie: true } };
  }

  function scrollAtTheEdge() {
    if (!drag?.ghost) return;
    const { left, right } = strip.getBoundingClientRect();
    const [x] = drag.at ?? [drag.x];
    const step = x < left + EDGE ? -8 : x > right - EDGE ? 8 : 0;
    const before = strip.scrollLeft;
    if (step !== 0) strip.scrollLeft += step;
    if (strip.scrollLeft !== before && drag.at) aim();
    requestAnimationFrame(scrollAtTheEdge);
  }
}
