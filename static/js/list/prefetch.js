// Conversations near the row with the focus, or under the pointer, fetched ahead as text. Nothing counts as read by it.
import { listAddress, openId, rowOf } from "./dom.js";
import { fetchPart } from "./fetching.js";
import * as items from "./items.js";

const KEPT = 12;
const AT_A_TIME = 2;
const HOVER_MS = 65; // shorter, the pointer only passes

const ahead = new Map(); // id → promise of the text
const controls = new Map(); // id → AbortController of what is under way
let queue = [];
let timer = 0;

export function dropAhead() {
  ahead.clear();
  queue = [];
}

// What is about to go is not asked for any more.
export function forgetAhead(ids) {
  for (const id of ids) { controls.get(id)?.abort(); ahead.delete(id); }
  queue = queue.filter((id) => !ids.includes(id));
}

// The text that was fetched, once; null when there is none.
export function takeAhead(id) {
  const found = ahead.get(id) ?? null;
  ahead.delete(id);
  return found;
}

function fetchAhead(ids) {
  queue = ids.filter((id) => id && id !== openId() && !ahead.has(id));
  next();
}

function next() {
  while (queue.length && controls.size < AT_A_TIME) {
    const id = queue.shift();
    const control = new AbortController();
    controls.set(id, control);
    const part = fetchPart(listAddress({ t: id }), { target: "reading", isPrefetch: true, signal: control.signal });
    ahead.set(id, part);
    if (ahead.size > KEPT) ahead.delete(ahead.keys().next().value);
    part.catch(() => { if (ahead.get(id) === part) ahead.delete(id); }).finally(() => { controls.delete(id); next(); });
  }
}

const neighbours = (row) => {
  const index = items.indexOf(row.dataset.id);
  return [row.dataset.id, ...[index + 1, index - 1].map((at) => items.itemAt(at)?.id)];
};
const later = (work) => { clearTimeout(timer); timer = setTimeout(work, HOVER_MS); };

document.addEventListener("focusin", (event) => {
  const row = rowOf(event.target);
  if (row?.dataset.id && items.itemOf(row.dataset.id)) later(() => fetchAhead(neighbours(row)));
});
document.addEventListener("pointerover", (event) => {
  const row = event.pointerType === "mouse" ? rowOf(event.target) : null;
  if (row?.dataset.id && items.itemOf(row.dataset.id)) later(() => fetchAhead([row.dataset.id]));
});
document.addEventListener("pillarbox:opened", (event) => {
  const row = items.itemOf(event.detail.id)?.node;
  if (row) later(() => fetchAhead(neighbours(row).slice(1)));
});
