// The list as a whole: it takes over the rows of the page, shows more as the reader scrolls, and is what other modules ask.
import { isAtTop, showPill, hidePill } from "../live/pill.js";
import { morph, ownMorph } from "../morph.js";
import { onRows, wantAround } from "./blocks.js";
import { isListShown, listElement, openId, openThread, paneElement, rowById, rowOf, rows, rowsElement } from "./dom.js";
import { focusHeading, focusId, focusRow as focus, isNowhere } from "./focus.js";
import { keepWayIn, raiseGrid, raiseRow, setCurrent } from "./grid.js";
import * as items from "./items.js";
import { markOpen, openRow } from "./opening.js";
import * as place from "./place.js";
import { renew } from "./renew.js";
import { extend as extendSelection, showSelection } from "./selection.js";
import { updateTitle } from "./title.js";
import * as view from "./window.js";
import { showWaiting, showFailed, hideWaiting } from "./waiting.js";

export { closeThread, openRow } from "./opening.js";
export { listElement, openThread, rowOf, rows } from "./dom.js";
export const focusRow = (row) => focus(row);

let known = null; // the #rows that has been taken over
let wish = -1; // index of a row that gets the focus when it comes
let unseen = 0; // rows that came in above

// The row that keys act on: the one with the focus, else the open one.
export const currentRow = () => rowOf(document.activeElement) ?? rowById(openId());

// What the page holds travels with acts of others: what is open.
export const held = () => ({ open: openId() });

// The next row by `by`; `extend` takes it into the selection. Where the list is not seen, the next conversation opens.
export function step(by, { extend = false } = {}) {
  if (!items.total()) return false;
  const from = currentRow();
  if (!from) return goTo(place.firstIndex());
  const index = Number(from.dataset.index ?? 0) + by;
  if (index < 0 || index >= items.total()) return true;
  const row = items.itemAt(index)?.node;
  if (row && !isListShown()) return openRow(row, { isNext: true });
  if (row && extend) extendSelection(from, row);
  return goTo(index);
}

// Scroll to an index and put the focus there, now or when the row has come.
export function goTo(index) {
  const wanted = Math.min(Math.max(index, 0), items.total() - 1);
  if (wanted < 0) return false;
  const { from, to } = view.shownRange();
  if (wanted < from || wanted >= to) view.showAround(wanted, wanted);
  view.scrollToIndex(wanted);
  const row = items.itemAt(wanted)?.node;
  wish = row ? -1 : wanted;
  if (row) focus(row);
  update();
  return true;
}

// Scrolling ----------------------------------------------------------------------------------------------------------
let frame = 0;
function onScroll() {
  frame ||= requestAnimationFrame(() => { frame = 0; update(); });
}

function update() {
  const seen = view.seen();
  if (!seen || !known?.isConnected) return;
  if (view.needsMore(seen)) show(seen);
  if (isAtTop()) unseen = 0;
  wantAround(seen);
  if (items.isLoaded(seen.first, seen.last + 1)) hideWaiting();
  else showWaiting(update);
  items.forgetAround(seen.first, seen.last);
  place.remember();
}

function show({ first, last }, options) {
  view.showAround(first, last, options);
  after();
}

// What rows need that have just come into the page.
function after() {
  showSelection();
  markOpen();
  keepWayIn(view.firstSeen()?.node);
}

onRows((fresh) => {
  const isOther = Boolean(items.state && fresh.state && items.state !== fresh.state);
  for (const item of fresh.found) take(item);
  items.put(fresh);
  view.render();
  after();
  const wished = items.itemAt(wish);
  if (wished) { wish = -1; focus(wished.node); }
  update();
  if (isOther) renew();
}, showFailed);

function take(item) {
  raiseRow(item.node);
  const there = items.itemOf(item.id);
  if (!there) return;
  const wasInTabOrder = there.node.querySelector('.row__link[tabindex="0"]');
  item.node = morph(there.node, item.node);
  if (wasInTabOrder) setCurrent(item.node);
}

// How many rows there are, of a list that was shown before it was counted.
export function takeTotal(total) {
  if (total === items.total()) return;
  items.put({ total, at: 0, found: [] });
  view.render();
  showSelection();
  update();
}

// Beginning ----------------------------------------------------------------------------------------------------------
function start() {
  const list = rowsElement();
  if (list === known) return;
  known = list;
  if (!list) { items.reset({ total: 0, at: 0, state: "", found: [] }); return; }
  view.measure();
  raiseGrid();
  const fresh = items.readRows(list);
  for (const node of [...fresh.lead, ...fresh.found.map((item) => item.node)]) raiseRow(node);
  items.reset(fresh);
  view.setLead(fresh.lead);
  view.showAround(fresh.at, fresh.at + fresh.found.length, { isAnchored: false });
  for (const node of document.querySelectorAll(".list__pages, #more")) node.hidden = true;
  after();
  paneElement().addEventListener("scroll", onScroll, { passive: true });
}

// To where the address says: the first row that was seen, as far down as it was.
function returnToPlace() {
  const at = Number(new URL(location.href).searchParams.get("at") ?? 0);
  if (at > 0) view.scrollToIndex(at, { toTop: true, offset: Number(history.state?.offset ?? 0) });
  else if (openId()) view.scrollToIndex(items.indexOf(openId()));
  place.setFirst(at);
  history.replaceState({ ...history.state, mail: true }, "");
  update();
}

// Renewal --------------------------------------------------------------------------------------------------------------
// The server's rows of a window, in place of those that are here. What is looked at stays where it is.
function takeRenewed(list) {
  const fresh = items.readRows(list);
  const before = items.loaded().sort((a, b) => a.index - b.index);
  if (isElsewhere(fresh)) {
    items.put({ total: fresh.total, at: 0, found: [] });
    view.render();
    renew();
    return;
  }
  const anchor = isAtTop() ? null : stayingAnchor(before, fresh);
  const focused = items.itemOf(rowOf(document.activeElement)?.dataset.id);
  for (const name of ["total", "at", "state"]) if (list.dataset[name] !== undefined) known.dataset[name] = list.dataset[name];
  for (const item of fresh.found) take(item);
  const shift = anchor ? anchor.shift : 0;
  if (fresh.state && fresh.state === items.state && fresh.total === items.total()) items.put(fresh);
  else items.reset(fresh);
  keepFocused(focused, fresh, shift);
  if (fresh.lead.length || fresh.at === 0) { for (const node of fresh.lead) raiseRow(node); view.setLead(fresh.lead); }
  view.showShifted(shift, anchor ? { anchor } : { isAnchored: false });
  after();
  moveOn(focused, before);
  if (shift > 0) { unseen += shift; showPill(unseen, () => { unseen = 0; goTo(0); }); }
  update();
}

// Whether these rows are of another part of the list than what is looked at: then that part has to be asked for.
function isElsewhere(fresh) {
  const { from, to } = view.shownRange();
  return fresh.found.length > 0 && to > from && (fresh.at >= to || fresh.at + fresh.found.length <= from);
}

// A row that is seen now and is still there, how far down it is, and by how many places it has moved.
function stayingAnchor(before, fresh) {
  const first = view.firstSeen();
  if (!first) return null;
  const now = new Map(fresh.found.map((item) => [item.id, item.index]));
  for (const item of before) {
    if (item.index < first.index || !now.has(item.id) || !item.node.isConnected) continue;
    return { node: item.node, top: item.node.getBoundingClientRect().top, shift: now.get(item.id) - item.index };
  }
  return null;
}

// The row with the focus lies outside of what was renewed: it stays until it is fetched again.
function keepFocused(focused, fresh, shift) {
  if (!focused || items.itemOf(focused.id)) return;
  const isOutside = focused.index < fresh.at || focused.index >= fresh.at + fresh.found.length;
  const index = focused.index + shift;
  if (isOutside && index >= 0 && index < items.total() && !items.itemAt(index)) {
    items.put({ total: items.total(), at: index, found: [{ ...focused, index }] });
  }
}

// The row with the focus is gone: to the next that is left.
function moveOn(focused, before) {
  if (!focused || items.itemOf(focused.id) || !isNowhere()) return;
  const at = before.indexOf(focused);
  const order = [...before.slice(at + 1), ...before.slice(0, Math.max(at, 0)).reverse()];
  const heir = order.find((item) => items.itemOf(item.id));
  if (!heir || !focusId(heir.id, { isQuiet: true })) focusHeading();
}

ownMorph("rows", (old, fresh) => {
  if (old === known) takeRenewed(fresh);
  return old;
});

document.addEventListener("htmx:afterSettle", () => {
  start();
  showSelection();
  markOpen();
  for (const node of document.querySelectorAll("[data-reveal][hidden], [data-open-dialog][hidden]")) node.hidden = false;
});
document.addEventListener("pillarbox:closed", () => { hidePill(); unseen = 0; update(); });
addEventListener("resize", () => { view.measure(); view.render(); update(); });

if (listElement()) {
  start();
  returnToPlace();
  updateTitle();
  for (const node of document.querySelectorAll("[data-reveal][hidden], [data-open-dialog][hidden]")) node.hidden = false;
}
