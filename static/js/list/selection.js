// What is selected, by id: it survives scrolling away, renewals and opening. A range may reach over rows not fetched yet.
import { showToast } from "../toasts.js";
import { t } from "../words.js";
import { ensure } from "./blocks.js";
import { rowOf, rows } from "./dom.js";
import * as items from "./items.js";

const LONGEST_RANGE = 2_000; // rows; for more there is "all that match"

const selected = new Set();
let isAll = false; // everything that matches the list, but those in `left`
const left = new Set();
let anchorId = ""; // where a range begins

export const selectedIds = () => [...selected];
export const allMatching = () => isAll;
export const leftOut = () => [...left];
export const count = () => (isAll ? items.total() - left.size : selected.size);
export const isSelected = (id) => (isAll ? !left.has(id) : selected.has(id));

function set(id, isOn) {
  if (isAll) left[isOn ? "delete" : "add"](id);
  else selected[isOn ? "add" : "delete"](id);
}

// Make the rows in the page say what is selected, and tell those who show it.
export function showSelection() {
  for (const row of rows()) {
    const box = row.querySelector(".row__check");
    if (!box) continue;
    const isOn = isSelected(box.value);
    if (box.checked !== isOn) box.checked = isOn;
    if (row.getAttribute("aria-selected") !== String(isOn)) row.setAttribute("aria-selected", String(isOn));
  }
  document.dispatchEvent(new CustomEvent("pillarbox:selection", { detail: { count: count(), allMatching: isAll } }));
}

// Of the rows that are here: those that `predicate` says, given the row's element. Nothing else stays selected.
export function select(predicate) {
  drop();
  for (const item of items.loaded()) if (predicate(item.node)) selected.add(item.id);
  showSelection();
}

export function selectAllMatching() {
  drop();
  isAll = true;
  showSelection();
}

function drop() {
  selected.clear();
  left.clear();
  isAll = false;
}

export function clear() {
  drop();
  showSelection();
}

export function toggle(row) {
  const id = row?.querySelector(".row__check")?.value;
  if (!id) return false;
  set(id, !isSelected(id));
  anchorId = id;
  showSelection();
  return true;
}

// From the row where the range began to this one. What lies between and is not here is fetched first.
async function selectTo(id, { isOn = true } = {}) {
  const [from, to] = [items.indexOf(anchorId), items.indexOf(id)].sort((a, b) => a - b);
  if (from < 0) { set(id, isOn); anchorId = id; showSelection(); return; }
  if (to - from >= LONGEST_RANGE) {
    showToast(t("This range is too long. Select all instead, then leave out what you want to keep."));
    return;
  }
  await ensure(from, to + 1);
  for (let index = from; index <= to; index += 1) {
    const item = items.itemAt(index);
    if (item) set(item.id, isOn);
  }
  showSelection();
}

export function beginRange(row) {
  anchorId = row?.dataset.id ?? "";
}

// A step with Shift: the range grows or shrinks.
export function extend(from, to) {
  const [fromId, toId] = [from.dataset.id, to.dataset.id];
  if (!isSelected(fromId)) { anchorId = fromId; set(fromId, true); }
  const isBack = isSelected(toId) && fromId !== anchorId;
  if (isBack) set(fromId, false);
  else set(toId, true);
  showSelection();
}

document.addEventListener("click", (event) => {
  const box = event.target;
  if (!(box instanceof HTMLInputElement) || !box.matches("#rows .row__check")) return;
  if (event.shiftKey && anchorId) { selectTo(box.value, { isOn: box.checked }); return; }
  set(box.value, box.checked);
  anchorId = box.value;
  showSelection();
});

// Ctrl takes a row in or out, Shift takes all up to it. The link is not followed.
export function clickWithKey(event) {
  const row = rowOf(event.target);
  if (!row || !(event.ctrlKey || event.metaKey || event.shiftKey)) return false;
  if (event.shiftKey) selectTo(row.dataset.id);
  else toggle(row);
  return true;
}
