// A swipe over a row does what the person chose for its direction. While the finger moves, colour and word say what will happen; it
// happens when the finger lets go beyond 40 % of the width. Every act is in the bars and menus too; who wants less motion has none.
import { perform } from "../list/acts.js";
import { rowOf } from "../list/list.js";
import { selectedIds } from "../list/selection.js";
import { openPicker } from "../organise/picker.js";
import { isRightToLeft, t } from "../words.js";

const TRIGGER = 0.4;
const CANCEL_PX = 12;
const START_PX = 10;
const ICONS = { archive: "archive", delete: "trash-2", read: "mail-open", unread: "mail", star: "star", unstar: "star", move: "folder-input", junk: "octagon-alert" };
const words = () => ({
  archive: t("Archive"),
  delete: t("Delete"),
  read: t("Mark as read"),
  unread: t("Mark as unread"),
  star: t("Star"),
  unstar: t("Remove star"),
  move: t("Move to …"),
  junk: t("Junk"),
});

const calm = matchMedia("(prefers-reduced-motion: reduce)");
let swipe = null;

// What this direction does with this row: "" when nothing. Read from right to left, the two sides change places.
function verbFor(row, isToRight) {
  const { swipeRight, swipeLeft } = document.documentElement.dataset;
  const chosen = isToRight === isRightToLeft() ? swipeLeft : swipeRight;
  if (chosen === "read") return row.classList.contains("row--unread") ? "read" : "unread";
  if (chosen === "star") return row.classList.contains("row--starred") ? "unstar" : "star";
  return chosen && chosen !== "none" ? chosen : "";
}

function drawing(name) {
  const space = "http://www.w3.org/2000/svg";
  const sprite = document.querySelector("use")?.getAttribute("href")?.split("#")[0] ?? "";
  const picture = document.createElementNS(space, "svg");
  const use = document.createElementNS(space, "use");
  picture.setAttribute("class", "icon");
  picture.setAttribute("aria-hidden", "true");
  use.setAttribute("href", `${sprite}#${name}`);
  picture.append(use);
  return picture;
}

function makeStrip(verb, isToRight) {
  const strip = document.createElement("span");
  strip.className = `swipe swipe--${isToRight ? "left" : "right"}`;
  strip.dataset.verb = verb;
  const word = document.createElement("span");
  word.textContent = words()[verb];
  strip.append(drawing(ICONS[verb]), word);
  return strip;
}

function follow(way) {
  const { row } = swipe;
  const isToRight = way > 0;
  if (swipe.isToRight !== isToRight) {
    swipe.strip?.remove();
    swipe.verb = verbFor(row, isToRight);
    swipe.strip = swipe.verb ? makeStrip(swipe.verb, isToRight) : null;
    swipe.isToRight = isToRight;
    if (swipe.strip) row.prepend(swipe.strip);
  }
  row.classList.add("is-swiped");
  const shown = swipe.verb ? way : 0;
  row.style.setProperty("--swipe", `${shown}px`);
  swipe.strip?.style.setProperty("width", `${Math.abs(shown)}px`);
  swipe.isReady = Boolean(swipe.verb) && Math.abs(way) >= row.offsetWidth * TRIGGER;
  swipe.strip?.classList.toggle("is-ready", swipe.isReady);
}

function putBack(row, strip) {
  row.classList.remove("is-springing", "is-swiped");
  row.style.removeProperty("--swipe");
  strip?.remove();
}

function letGo() {
  const { row, strip, isMoving } = swipe;
  swipe = null;
  if (!isMoving) return;
  row.classList.add("is-springing");
  row.style.setProperty("--swipe", "0px");
  strip?.style.setProperty("width", "0px");
  const done = () => putBack(row, strip);
  Promise.allSettled(row.getAnimations({ subtree: true }).map((one) => one.finished)).then(done, done);
}

document.addEventListener("touchstart", (event) => {
  const row = rowOf(event.target);
  if (swipe) letGo();
  if (!row?.dataset.id || event.touches.length !== 1 || calm.matches || selectedIds().length) return;
  const [{ clientX, clientY }] = event.touches;
  swipe = { row, clientX, clientY, isMoving: false };
}, { passive: true });

document.addEventListener("touchmove", (event) => {
  if (!swipe) return;
  const [{ clientX, clientY }] = event.touches;
  const across = clientX - swipe.clientX;
  const down = Math.abs(clientY - swipe.clientY);
  if (down > CANCEL_PX || event.touches.length > 1) {
    letGo();
    return;
  }
  if (!swipe.isMoving && (Math.abs(across) < START_PX || Math.abs(across) < down)) return;
  swipe.isMoving = true;
  if (event.cancelable) event.preventDefault();
  follow(across);
}, { passive: false });

document.addEventListener("touchcancel", () => swipe && letGo());

document.addEventListener("touchend", () => {
  if (!swipe) return;
  const { row, verb, isReady, isMoving } = swipe;
  letGo();
  if (!isMoving || !isReady || !row.isConnected) return;
  const ids = [row.dataset.id];
  if (verb === "move") openPicker("move", { ids });
  else perform(verb, { ids });
});
