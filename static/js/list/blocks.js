// Rows that are not here yet: fetched by blocks, two requests at a time; what is no longer looked at is not waited for.
import { listAddress } from "./dom.js";
import { fetchPart, parsePart } from "./fetching.js";
import * as items from "./items.js";

const BLOCK = 50;
const LONGEST = 200; // rows in one answer
const AT_A_TIME = 2;
const NEXT_FROM = 0.6; // of a block: seen so far, the next is fetched

const running = new Map(); // number of a block → AbortController
let handle = () => {};
let fail = () => {};
let queue = [];

export function onRows(takes, fails) { handle = takes; fail = fails; }

export function wantAround({ first, last }) {
  const wanted = new Set();
  for (let block = Math.floor(first / BLOCK); block <= Math.floor(last / BLOCK); block += 1) wanted.add(block);
  if ((last % BLOCK) / BLOCK >= NEXT_FROM) wanted.add(Math.floor(last / BLOCK) + 1);
  if ((first % BLOCK) / BLOCK <= 1 - NEXT_FROM) wanted.add(Math.floor(first / BLOCK) - 1);
  queue = [...wanted].filter(isMissing);
  for (const [block, control] of running) if (!wanted.has(block)) control.abort();
  fetchNext();
}

const isMissing = (block) => block >= 0 && block * BLOCK < items.total() && !items.isLoaded(block * BLOCK, (block + 1) * BLOCK);

function fetchNext() {
  while (queue.length && running.size < AT_A_TIME) {
    const block = queue.shift();
    if (!running.has(block) && isMissing(block)) fetchBlock(block);
  }
}

async function fetchBlock(block) {
  const control = new AbortController();
  running.set(block, control);
  try {
    await fetchRows(block * BLOCK, BLOCK, control.signal);
  } catch (error) {
    if (error.name !== "AbortError") { queue = []; fail(error); }
  } finally {
    running.delete(block);
    fetchNext();
  }
}

async function fetchRows(at, count, signal) {
  const { generation } = items;
  const text = await fetchPart(listAddress({ at, n: count }), { target: "rows", signal });
  const list = parsePart(text, "rows");
  if (list && generation === items.generation) handle(items.readRows(list));
}

// Have every row of [from, to) here, such as for a range of a selection.
export async function ensure(from, to) {
  for (let at = from; at < Math.min(to, items.total()); at += LONGEST) {
    if (!items.isLoaded(at, Math.min(at + LONGEST, to))) await fetchRows(at, Math.min(LONGEST, to - at));
  }
}

export function stop() {
  queue = [];
  for (const control of running.values()) control.abort();
}
