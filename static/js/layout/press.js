// A long press on a row selects it; while something is selected, a tap on a row selects as well instead of opening it. The list has
// boxes and a "Select" entry for everybody else.
import { rowOf } from "../list/list.js";
import { selectedIds, toggle } from "../list/selection.js";

const LONG_MS = 500;
const STILL_PX = 10;
let press = null;
let swallowUntil = 0;

const stop = () => {
  clearTimeout(press?.timer);
  press = null;
};

document.addEventListener("touchstart", (event) => {
  stop();
  const row = rowOf(event.target);
  if (!row?.dataset.id || event.touches.length !== 1 || event.target.closest("button, input")) return;
  const [{ clientX, clientY }] = event.touches;
  const timer = setTimeout(() => {
    press = null;
    toggle(row);
    navigator.vibrate?.(10);
    swallow();
  }, LONG_MS);
  press = { timer, clientX, clientY };
}, { passive: true });

document.addEventListener("touchmove", (event) => {
  if (!press) return;
  const [{ clientX, clientY }] = event.touches;
  if (Math.hypot(clientX - press.clientX, clientY - press.clientY) > STILL_PX) stop();
}, { passive: true });

document.addEventListener("touchend", stop);
document.addEventListener("touchcancel", stop);

// What the browser does with the finger that is still down, or goes up now: a click, or its own menu for links.
function swallow() {
  swallowUntil = Infinity;
  document.addEventListener("touchend", () => { swallowUntil = performance.now() + 400; }, { once: true });
  document.addEventListener("touchcancel", () => { swallowUntil = 0; }, { once: true });
}

document.addEventListener("contextmenu", (event) => {
  if (matchMedia("(pointer: coarse)").matches && rowOf(event.target)) event.preventDefault();
});

// On the window: before the list's own listeners, which would open the row.
window.addEventListener("click", (event) => {
  const row = rowOf(event.target);
  if (performance.now() < swallowUntil) {
    swallowUntil = 0;
    if (row) {
      event.preventDefault();
      event.stopImmediatePropagation();
    }
    return;
  }
  if (!row?.dataset.id || !event.target.closest(".row__link") || event.ctrlKey || event.metaKey) return;
  if (!matchMedia("(pointer: coarse)").matches || !selectedIds().length) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  toggle(row);
}, true);
