// The rows that are in the page as the server has them now. Nothing here moves the focus, the selection or the scroll place.
import { isActing } from "./acts.js";
import { listAddress, listElement, openId, rowsElement } from "./dom.js";
import { fetchPart, putPart } from "./fetching.js";
import * as items from "./items.js";
import { shownRange } from "./window.js";

const LONGEST = 200; // rows in one answer
const AGAIN_MS = 60; // after an act that is still under way

let running = null;
let isWanted = false;

// One renewal at a time; a wish during one leads to another after it. Resolves when the page shows what was asked for.
export function renew({ counts = true } = {}) {
  if (running) { isWanted = true; return running; }
  running = run(counts).finally(() => { running = null; });
  return running;
}

async function run(counts) {
  do {
    while (isActing()) await new Promise((done) => { setTimeout(done, AGAIN_MS); });
    isWanted = false;
    try {
      await renewOnce(counts);
    } catch { /* What is shown stays; the next change, or the reader, asks again. */ }
  } while (isWanted);
}

async function renewOnce(counts) {
  if (!listElement()) return;
  if (rowsElement()) {
    const { from, to } = shownRange();
    const n = Math.min(Math.max(to - from, 50), LONGEST);
    const text = await fetchPart(listAddress({ at: from, n, with: counts ? "counts" : "" }), { target: "rows" });
    if (isActing()) { isWanted = true; return; }
    putPart("rows", text, "morph");
  }
  if (!items.total()) await renewWhole();
  document.dispatchEvent(new CustomEvent("pillarbox:renewed"));
}

// From empty to not empty and back: the whole list is another.
async function renewWhole() {
  const text = await fetchPart(listAddress({ t: openId() }), { target: "list" });
  putPart("list", text, "morph");
}
