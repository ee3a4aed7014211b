// The part of the list that is in the page: rows around what is seen, and empty space as high as all the others.
import { paneElement, rowOf, rowsElement } from "./dom.js";
import { beginsGroup, headingsBetween, indexOf, itemAt, total } from "./items.js";

const AROUND = 32; // rows kept on either side of what is seen
const EDGE = 12; // nearer than this to the end of what is in the page, more is put there

let rowPx = 52;
let headingPx = 24;
let range = { from: 0, to: 0 };
let shown = []; // { node, from, count }, from top to bottom: rows and spaces, without headings
let lead = [];
const spaces = [];
const headings = new WeakMap(); // item → its heading

export const rowHeight = () => rowPx;
export const shownRange = () => range;
export const setLead = (nodes) => { lead = nodes; };

// Heights come from the style sheet: they differ by density, screen and zoom.
export function measure() {
  const row = rowsElement()?.querySelector(".row");
  const heading = rowsElement()?.querySelector(".rows__group");
  if (row?.offsetHeight) rowPx = row.getBoundingClientRect().height;
  if (heading?.offsetHeight) headingPx = heading.getBoundingClientRect().height;
}

// The same part of the list after `shift` rows have come in above it.
export function showShifted(shift, options) {
  range = { from: Math.max(0, range.from + shift), to: Math.min(total(), Math.max(range.to + shift, 2 * AROUND)) };
  render(options);
}

export function showAround(first, last, options) {
  range = { from: Math.max(0, first - AROUND), to: Math.min(total(), last + 1 + AROUND) };
  render(options);
}

export const needsMore = ({ first, last }) =>
  (first - EDGE < range.from && range.from > 0) || (last + EDGE > range.to && range.to < total());

// Put into the page what belongs there. With `isAnchored` the first row that is seen stays where it is.
export function render({ isAnchored = true, anchor = isAnchored ? firstSeen() : null } = {}) {
  const list = rowsElement();
  if (!list) return;
  range = { from: Math.min(range.from, total()), to: Math.min(range.to, total()) };
  const focused = document.activeElement;
  place(list, layOut(focused));
  if (focused !== document.activeElement && focused?.isConnected) focused.focus({ preventScroll: true });
  if (anchor?.node.isConnected) paneElement().scrollTop += topOf(anchor.node) - anchor.top;
  list.setAttribute("aria-rowcount", String(total()));
}

// The nodes of the list from top to bottom. The row with the focus is among them wherever it is.
function layOut(focused) {
  const holder = rowOf(focused);
  const kept = holder ? indexOf(holder.dataset.id) : -1;
  const isOutside = kept >= 0 && (kept < range.from || kept >= range.to);
  const parts = isOutside ? [[kept, kept + 1], [range.from, range.to]].sort((a, b) => a[0] - b[0]) : [[range.from, range.to]];
  const nodes = [...lead];
  shown = [];
  let gap = 0; // the first index that has no node yet
  let used = 0;
  for (const [from, to] of parts) {
    for (let index = from; index < to; index += 1) {
      const item = itemAt(index);
      if (!item) continue;
      const hasGap = index > gap;
      const isBegin = beginsGroup(index);
      const hasHeading = item.group && (isBegin || hasGap || index === 0);
      if (hasGap) nodes.push(space(used++, gap, index, hasHeading && !isBegin ? headingPx : 0));
      if (hasHeading) nodes.push(headingOf(item));
      nodes.push(item.node);
      mark(item.node, index);
      shown.push({ node: item.node, from: index, count: 1 });
      gap = index + 1;
    }
  }
  if (gap < total()) nodes.push(space(used, gap, total(), 0));
  return nodes;
}

function mark(node, index) {
  if (node.dataset.index !== String(index)) node.dataset.index = String(index);
  if (node.getAttribute("aria-rowindex") !== String(index + 1)) node.setAttribute("aria-rowindex", String(index + 1));
}

function space(number, from, to, less) {
  spaces[number] ??= Object.assign(document.createElement("div"), { className: "rows__space", ariaHidden: "true" });
  const node = spaces[number];
  const height = (to - from) * rowPx + headingsBetween(from, to) * headingPx - less;
  node.style.blockSize = `${Math.max(height, 0)}px`;
  shown.push({ node, from, count: to - from });
  return node;
}

function headingOf(item) {
  const known = headings.get(item);
  if (known) return known;
  const node = Object.assign(document.createElement("div"), { className: "rows__group", ariaHidden: "true" });
  const line = document.createElement("h2");
  line.textContent = item.group;
  node.append(line);
  headings.set(item, node);
  return node;
}

// What is there already stays as it is: a node that is moved loses its focus.
function place(list, nodes) {
  const wanted = new Set(nodes);
  for (const child of [...list.children]) if (!wanted.has(child)) child.remove();
  let next = list.firstChild;
  for (const node of nodes) {
    if (node === next) next = next.nextSibling;
    else list.insertBefore(node, next);
  }
  while (next) { const following = next.nextSibling; next.remove(); next = following; }
}

// Where things are -------------------------------------------------------------------------------------------------
const topOf = (node) => node.getBoundingClientRect().top;

// The place in `shown` of what lies at a height of the window.
function placeAt(y) {
  let low = 0;
  let high = shown.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (shown[middle].node.getBoundingClientRect().bottom > y) high = middle;
    else low = middle + 1;
  }
  return low;
}

function indexAt(y) {
  const part = shown[placeAt(y)];
  if (!part) return 0;
  const passed = Math.floor((y - topOf(part.node)) / rowPx);
  return part.from + Math.min(Math.max(passed, 0), part.count - 1);
}

// The indexes that are seen, null while the list is not.
export function seen() {
  const pane = paneElement();
  if (!pane?.clientHeight || !shown.length) return null;
  const box = pane.getBoundingClientRect();
  return { first: indexAt(box.top + headingPx), last: indexAt(box.bottom - 1) };
}

// The first row that is seen and how far it is down, in px of the window; null when there are only spaces.
export function firstSeen() {
  const pane = paneElement();
  if (!pane?.clientHeight || !shown.length) return null;
  const top = pane.getBoundingClientRect().top + (pane.scrollTop ? headingPx : 0);
  for (let at = placeAt(top); at < shown.length; at += 1) {
    const { node, from, count } = shown[at];
    if (count === 1 && node.matches(".row")) return { node, index: from, id: node.dataset.id, top: topOf(node) };
    if (topOf(node) > top + pane.clientHeight) return null;
  }
  return null;
}

// Scroll so that the row of an index is in view; `toTop`: as the first one, `offset` px above its upper edge hidden.
export function scrollToIndex(index, { toTop = false, offset = 0 } = {}) {
  const pane = paneElement();
  if (!pane) return;
  const inside = shown.find(({ from, count }) => index >= from && index < from + count);
  if (!inside) return;
  const top = topOf(inside.node) - pane.getBoundingClientRect().top + (index - inside.from) * rowPx;
  const below = top + rowPx - pane.clientHeight;
  if (toTop) pane.scrollTop += top - headingPx + offset;
  else if (top < headingPx) pane.scrollTop += top - headingPx;
  else if (below > 0) pane.scrollTop += below;
}

// How much of the first row that is seen is hidden, in px; also of one that is not here yet.
export function offsetOfFirst() {
  const pane = paneElement();
  const edge = pane ? pane.getBoundingClientRect().top + headingPx : 0;
  const part = pane && shown[placeAt(edge)];
  return part ? edge - topOf(part.node) - (indexAt(edge) - part.from) * rowPx : 0;
}
