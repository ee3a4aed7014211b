// What is known of the list: as many places as it has rows, and the rows that have been fetched, each at its index.

const KEPT = 2_000; // rows; what lies further from the reader is forgotten

let items = [];
let byId = new Map();
let starts = null; // indexes at which a new group begins
export const leaving = new Set(); // ids that an act under way takes away: an answer from before it does not bring them back
export let state = ""; // of the list on the server
export let generation = 0; // changes whenever an index may mean another row than before

export const total = () => items.length;
export const itemAt = (index) => items[index];
export const itemOf = (id) => byId.get(id) ?? null;
export const indexOf = (id) => byId.get(id)?.index ?? -1;
export const loaded = () => [...byId.values()];
export const isLoaded = (from, to) => {
  for (let index = Math.max(0, from); index < Math.min(to, items.length); index += 1) if (!items[index]) return false;
  return true;
};

// The rows of a list: { total, at, state, lead, found }. `lead`: rows that stand in front of the counted ones, such as drafts.
export function readRows(list) {
  const at = Number(list.dataset.at ?? 0);
  const lead = [];
  const found = [];
  let group = "";
  for (const node of [...list.children]) {
    if (node.matches(".rows__group")) group = node.textContent.trim();
    else if (node.matches(".row--draft, .row:not([data-id])")) lead.push(node);
    else if (node.matches(".row")) found.push({ index: Number(node.dataset.index ?? at + found.length), id: node.dataset.id, node, group });
  }
  const staying = found.filter(({ id }) => !leaving.has(id));
  staying.forEach((item, place) => { item.index -= found.indexOf(item) - place; });
  const total = Number(list.dataset.total ?? at + found.length) - (found.length - staying.length);
  return { total, at, state: list.dataset.state ?? "", lead, found: staying };
}

// Begin anew with what the server has now.
export function reset(fresh) {
  items = new Array(Math.max(fresh.total, 0));
  byId = new Map();
  state = fresh.state;
  generation += 1;
  put(fresh);
}

export function put(fresh) {
  if (items.length !== fresh.total) resize(Math.max(fresh.total, fresh.at + fresh.found.length));
  for (const item of fresh.found) {
    const before = byId.get(item.id);
    if (before && before.index !== item.index && items[before.index] === before) delete items[before.index];
    const there = items[item.index];
    if (there && there.id !== item.id && byId.get(there.id) === there) byId.delete(there.id);
    items[item.index] = item;
    byId.set(item.id, item);
  }
  starts = null;
}

function resize(length) {
  for (const item of [...byId.values()]) if (item.index >= length) byId.delete(item.id);
  items.length = length;
}

// Take rows out; what stood below moves up. Returns what `insert` needs to put them back, in the order of the list.
export function remove(ids) {
  const gone = [...new Set(ids)].map((id) => byId.get(id)).filter(Boolean).sort((a, b) => a.index - b.index);
  const indexes = gone.map((item) => item.index);
  for (const item of [...gone].reverse()) {
    items.splice(item.index, 1);
    byId.delete(item.id);
  }
  for (const item of byId.values()) item.index -= placeIn(indexes, item.index);
  changed();
  return gone.map((item, at) => ({ item, index: indexes[at] }));
}

export function insert(gone) {
  for (const { item, index } of gone) {
    const at = Math.min(index, items.length);
    items.splice(at, 0, item);
    for (const other of byId.values()) if (other.index >= at) other.index += 1;
    item.index = at;
    byId.set(item.id, item);
  }
  changed();
}

function changed() {
  generation += 1;
  starts = null;
}

export function forgetAround(first, last) {
  if (byId.size <= KEPT) return;
  const margin = KEPT / 4;
  for (const item of byId.values()) {
    if (item.index >= first - margin && item.index <= last + margin) continue;
    if (item.node.contains(document.activeElement)) continue;
    delete items[item.index];
    byId.delete(item.id);
  }
  starts = null;
}

export const beginsGroup = (index) => {
  const item = items[index];
  const before = items[index - 1];
  return Boolean(item?.group) && (index === 0 || Boolean(before)) && before?.group !== item.group;
};

// How many headings stand between two indexes, as far as is known.
export function headingsBetween(from, to) {
  if (!starts) {
    // By what is known, not by the places: of those there may be a hundred thousand.
    starts = [...byId.values()].map((item) => item.index).filter(beginsGroup).sort((a, b) => a - b);
  }
  return placeIn(starts, to) - placeIn(starts, from);
}

function placeIn(sorted, value) {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle] < value) low = middle + 1;
    else high = middle;
  }
  return low;
}
