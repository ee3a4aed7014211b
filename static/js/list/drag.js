// Rows are dragged onto mailboxes and labels of the sidebar: [data-drop-mailbox], [data-drop-label]. With Ctrl mail is copied.
// By keys the same is done by the pickers.
import { fold, isFolded } from "../sidebar/folds.js";
import { figure, tn } from "../words.js";
import { perform } from "./acts.js";
import { rowOf } from "./dom.js";
import { allMatching, count, isSelected, selectedIds } from "./selection.js";

const OPENS_MS = 600;
const TARGET = "[data-drop-mailbox], [data-drop-label]";

let dragged = null; // { ids } of what is under way; ids undefined: the selection
let over = null;
let timer = 0;

document.addEventListener("dragstart", (event) => {
  const row = rowOf(event.target);
  if (!row?.dataset.id) return;
  const isOfSelection = isSelected(row.dataset.id);
  dragged = { ids: isOfSelection ? (allMatching() ? undefined : selectedIds()) : [row.dataset.id] };
  event.dataTransfer.effectAllowed = "copyMove";
  event.dataTransfer.setData("text/plain", row.querySelector(".row__subject")?.textContent ?? "");
  event.dataTransfer.setDragImage(ghostOf(isOfSelection ? count() : 1), 12, 12);
  document.documentElement.classList.add("is-dragging");
});

// The picture under the pointer says how many.
function ghostOf(number) {
  const ghost = Object.assign(document.createElement("div"), { className: "drag-ghost", id: "drag-ghost" });
  const mark = Object.assign(document.createElement("b"), { textContent: figure(number) });
  ghost.append(mark, tn("conversation", "conversations", number));
  document.getElementById("drag-ghost")?.remove();
  document.body.append(ghost);
  return ghost;
}

function leave() {
  clearTimeout(timer);
  over?.classList.remove("is-drop");
  over = null;
}

function enter(target, takes) {
  if (over === target) return;
  leave();
  over = target;
  target.classList.toggle("is-drop", takes);
  timer = setTimeout(() => unfold(target), OPENS_MS);
}

// A folded branch under the pointer opens, so that what is inside can be reached.
function unfold(target) {
  const item = target.closest(".nav__item");
  if (item && isFolded(item)) fold(item, false);
}

document.addEventListener("dragover", (event) => {
  if (!dragged) return;
  const line = event.target.closest?.(`.sidebar .nav__item, ${TARGET}`);
  const target = line?.matches(TARGET) ? line : null;
  if (!line) { leave(); return; }
  enter(line, Boolean(target));
  if (!target) return;
  event.preventDefault();
  event.dataTransfer.dropEffect = event.ctrlKey && target.dataset.dropMailbox ? "copy" : "move";
});

document.addEventListener("drop", (event) => {
  const target = dragged ? event.target.closest?.(TARGET) : null;
  if (!target) return;
  event.preventDefault();
  const { dropMailbox, dropLabel } = target.dataset;
  if (dropMailbox) perform("move", { ids: dragged.ids, target: dropMailbox, copy: event.ctrlKey });
  else perform("label", { ids: dragged.ids, target: dropLabel });
});

document.addEventListener("dragend", () => {
  leave();
  dragged = null;
  document.getElementById("drag-ghost")?.remove();
  document.documentElement.classList.remove("is-dragging");
});
