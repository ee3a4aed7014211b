// The viewer of attached files: arrow keys go from file to file, Escape goes back to where it was opened from.

import { isRightToLeft } from "./words.js";

const viewer = () => document.querySelector('[data-behaviour~="viewer"]');
const link = (role) => viewer()?.querySelector(`[data-role="${role}"]`);

// A step takes the place of the file before it, so that one step back leads out of the viewer.
function step(role) {
  const found = link(role);
  if (!found) return false;
  location.replace(found.href);
  return true;
}

function leave() {
  const found = link("back");
  if (!found) return false;
  if (document.referrer && new URL(document.referrer).origin === location.origin && history.length > 1) history.back();
  else location.assign(found.href);
  return true;
}

const KEYS = {
  ArrowLeft: () => step(isRightToLeft() ? "next" : "previous"),
  ArrowRight: () => step(isRightToLeft() ? "previous" : "next"),
  Escape: leave,
};

document.addEventListener("keydown", (event) => {
  if (!viewer() || event.defaultPrevented || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
  // A wide text scrolls by the arrows when it has the focus.
  if (event.key !== "Escape" && event.target.closest?.("input, textarea, select, pre")) return;
  if (KEYS[event.key]?.()) event.preventDefault();
});

document.addEventListener("click", (event) => {
  if (event.defaultPrevented || event.button || event.ctrlKey || event.metaKey || event.shiftKey) return;
  const role = event.target.closest?.('[data-behaviour~="viewer"] [data-role]')?.dataset.role;
  if (role === "back" ? leave() : role && step(role)) event.preventDefault();
});

// A thumbnail that cannot be made leaves the icon of its kind.
document.addEventListener("error", (event) => {
  if (event.target.classList?.contains("attached__thumb")) event.target.remove();
}, true);
