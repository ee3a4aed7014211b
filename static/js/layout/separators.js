// The borders between the panes: dragged, moved by arrow keys in steps of 16 px, set back by a double click. Their places live in
// custom properties of the document (see list.css, shell.css) and are kept per device.
import { isRightToLeft } from "../words.js";
import { keep } from "./kept.js";

const STEP_PX = 16;
// Of each border: how small and large the pane before it may be, and its usual size, all in px.
const LIMITS = {
  sidebar: { least: 180, most: 320, usual: 232 },
  list: { least: 320, most: 640, usual: 400 },
  below: { least: 160, most: 720, usual: 320 },
};

const root = document.documentElement;
const nameOf = (separator) => separator.dataset.separator;
const isAcross = (separator) => separator.getAttribute("aria-orientation") === "horizontal";
const now = (separator) => Number.parseFloat(getComputedStyle(root).getPropertyValue(`--${nameOf(separator)}`));

function show(separator) {
  const { least, most } = LIMITS[nameOf(separator)];
  separator.setAttribute("aria-valuemin", least);
  separator.setAttribute("aria-valuemax", most);
  separator.setAttribute("aria-valuenow", Math.round(now(separator)));
}

function move(separator, size) {
  const { least, most } = LIMITS[nameOf(separator)];
  const value = Math.round(Math.min(most, Math.max(least, size)));
  root.style.setProperty(`--${nameOf(separator)}`, `${value}px`);
  show(separator);
  return value;
}

const settle = (separator, size) => keep({ [nameOf(separator)]: move(separator, size) });

function reset(separator) {
  root.style.removeProperty(`--${nameOf(separator)}`);
  keep({ [nameOf(separator)]: null });
  show(separator);
}

// How far the size changes for a key; undefined for keys that are not ours.
function changeFor(key, separator) {
  if (isAcross(separator)) return { ArrowUp: -STEP_PX, ArrowDown: STEP_PX }[key];
  const forward = isRightToLeft() ? "ArrowLeft" : "ArrowRight";
  if (key === "ArrowLeft" || key === "ArrowRight") return key === forward ? STEP_PX : -STEP_PX;
  return undefined;
}

document.addEventListener("keydown", (event) => {
  const separator = event.target.closest?.("[data-separator]");
  if (!separator || event.ctrlKey || event.metaKey || event.altKey) return;
  const { least, most } = LIMITS[nameOf(separator)];
  const change = changeFor(event.key, separator);
  if (change !== undefined) settle(separator, now(separator) + change);
  else if (event.key === "Home") settle(separator, least);
  else if (event.key === "End") settle(separator, most);
  else if (event.key === "Enter") reset(separator);
  else return;
  event.preventDefault();
  event.stopPropagation();
}, true);

document.addEventListener("dblclick", (event) => {
  const separator = event.target.closest?.("[data-separator]");
  if (separator) reset(separator);
});

let drag = null;

document.addEventListener("pointerdown", (event) => {
  const separator = event.target.closest?.("[data-separator]");
  if (!separator || event.button !== 0) return;
  const at = isAcross(separator) ? event.clientY : event.clientX;
  drag = { separator, at, size: now(separator), moved: false };
  separator.setPointerCapture(event.pointerId);
  separator.classList.add("is-dragged");
  document.body.classList.add("is-dragging");
});

document.addEventListener("pointermove", (event) => {
  if (!drag) return;
  const { separator, at, size } = drag;
  const way = isAcross(separator) ? event.clientY - at : (event.clientX - at) * (isRightToLeft() ? -1 : 1);
  drag.moved ||= way !== 0;
  if (drag.moved) move(separator, size + way);
});

function drop() {
  if (!drag) return;
  const { separator, moved } = drag;
  drag = null;
  separator.classList.remove("is-dragged");
  document.body.classList.remove("is-dragging");
  if (moved) settle(separator, now(separator));
}
document.addEventListener("pointerup", drop);
document.addEventListener("pointercancel", drop);

for (const separator of document.querySelectorAll("[data-separator]")) show(separator);
