// When something of the mail is new: the list and its counts are renewed, soon but not for each of many changes, and never while
// somebody is pointing at rows: then it waits until the pointer rests or leaves.
import { renew } from "../list/renew.js";

const SOON_MS = 150;
const HIDDEN_MS = 3_000; // nobody looks
const LONGEST_MS = 1_000; // while a first sync tells of changes without pause
const REST_MS = 1_200; // a pointer that has not moved for this long is not about to press
const HOLD_MS = 8_000; // longer nothing is held back

let timer = 0;
let firstAt = 0;
let isBusy = false;
let isWanted = false;
let movedAt = 0;
let isPressed = false;

const now = () => performance.now();
const isPointing = () => isPressed || (now() - movedAt < REST_MS && document.querySelector("#rows > .row:hover") !== null);

async function run() {
  if (!document.getElementById("list")) { firstAt = 0; return; }
  if (isBusy) { isWanted = true; return; }
  if (isPointing() && now() - firstAt < HOLD_MS) { timer = setTimeout(run, SOON_MS); return; }
  isBusy = true;
  firstAt = 0;
  try {
    await renew({ counts: true });
  } catch {
    // The network is away: the stream sees that too, and tells when it is back.
  } finally {
    isBusy = false;
    if (isWanted) { isWanted = false; renewSoon(); }
  }
}

export function renewSoon() {
  firstAt ||= now();
  clearTimeout(timer);
  const isLate = now() - firstAt > LONGEST_MS;
  timer = setTimeout(run, document.hidden ? HIDDEN_MS : isLate ? 0 : SOON_MS);
}

document.addEventListener("pillarbox:changed", () => {
  renewSoon();
  // Other parts of a page renew themselves at this event: hx-trigger="pillarbox-change from:document".
  document.dispatchEvent(new CustomEvent("pillarbox-change"));
});
document.addEventListener("visibilitychange", () => { if (!document.hidden && firstAt) renewSoon(); });
document.addEventListener("pointermove", (event) => { if (event.pointerType === "mouse") movedAt = now(); }, { passive: true });
document.addEventListener("pointerdown", (event) => { isPressed = Boolean(event.target.closest?.("#rows")); });
for (const name of ["pointerup", "pointercancel", "dragend", "drop"]) document.addEventListener(name, () => { isPressed = false; });
document.addEventListener("dragstart", (event) => { isPressed = Boolean(event.target.closest?.("#rows")); });
