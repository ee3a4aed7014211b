// The list as a grid for people who hear or key it: roles, one tab stop, arrows inside. Without scripts it is a list of links.
import { isRightToLeft } from "../words.js";
import { rowOf, rows, rowsElement } from "./dom.js";

let currentId = "";

const linkOf = (row) => row?.querySelector(".row__link");

export function raiseGrid() {
  const list = rowsElement();
  list?.setAttribute("role", "grid");
  list?.setAttribute("aria-multiselectable", "true");
}

// Also of rows that are only about to be put into the page or compared with one that is there.
export function raiseRow(row) {
  if (row.getAttribute("role") === "row") return row;
  row.setAttribute("role", "row");
  row.setAttribute("aria-selected", "false");
  for (const node of row.querySelectorAll(":scope > .row__gutter, :scope > .row__actions")) node.setAttribute("role", "gridcell");
  for (const node of row.querySelectorAll(":scope > .row__link, :scope > .row__star")) {
    const cell = document.createElement("span");
    cell.className = "row__cell";
    cell.setAttribute("role", "gridcell");
    node.replaceWith(cell);
    cell.append(node);
  }
  for (const node of row.querySelectorAll("a, button, input")) node.tabIndex = -1;
  return row;
}

// The one row that Tab leads to.
export function setCurrent(row) {
  const link = linkOf(row);
  if (!link) return;
  for (const other of rowsElement().querySelectorAll('.row__link[tabindex="0"]')) if (other !== link) other.tabIndex = -1;
  link.tabIndex = 0;
  currentId = row.dataset.id ?? "";
}

// There is always a way in by Tab, also when the row that had it is far away.
export function keepWayIn(fallback) {
  const list = rowsElement();
  if (!list || list.querySelector('.row__link[tabindex="0"]')) return;
  const known = currentId && document.getElementById(`row-${currentId}`);
  const link = linkOf(known || fallback || rows()[0]);
  if (link) link.tabIndex = 0;
}

document.addEventListener("focusin", (event) => {
  const row = rowOf(event.target);
  if (row) setCurrent(row);
});

// Left and right: the parts of a row.
export function stepInside(row, key) {
  const parts = [...row.querySelectorAll(".row__link, .row__actions button, .row__star")].filter((node) => node.getClientRects().length);
  const forward = (key === "ArrowRight") !== isRightToLeft();
  const next = parts[parts.indexOf(document.activeElement) + (forward ? 1 : -1)];
  next?.focus({ preventScroll: true });
  return Boolean(next);
}
