// Branches of the sidebar (accounts, mailboxes with others inside, labels) are folded and unfolded; this device remembers which
// are folded, by the id of their list. Without scripts everything is unfolded.
const KEY = "folded";

const read = () => { try { return new Set(JSON.parse(localStorage.getItem(KEY) ?? "[]")); } catch { return new Set(); } };

function write(folded) {
  try { localStorage.setItem(KEY, JSON.stringify([...folded])); } catch { /* a browser that keeps nothing */ }
}

// The list that a line folds: named by data-folds, or next to it.
export function branchOf(item) {
  if (!item) return null;
  if (item.dataset.folds) return document.getElementById(item.dataset.folds);
  return item.querySelector(":scope > [data-fold]") ? item.parentElement.querySelector(":scope > ul") : null;
}

export const isFolded = (item) => item.getAttribute("aria-expanded") === "false";

function show(item, branch, folded) {
  item.setAttribute("aria-expanded", String(!folded));
  branch.hidden = folded;
}

export function fold(item, folded) {
  const branch = branchOf(item);
  if (!branch) return;
  show(item, branch, folded);
  const kept = read();
  if (folded) kept.add(branch.id); else kept.delete(branch.id);
  write(kept);
}

// The state of this device put onto lines that the server has sent anew.
export function applyFolds(items) {
  const kept = read();
  for (const item of items) {
    const branch = branchOf(item);
    if (branch) show(item, branch, kept.has(branch.id));
  }
}

// What is dragged over a folded branch unfolds it after a moment.
const UNFOLD_MS = 600;
let waiting = 0;
document.addEventListener("dragover", (event) => {
  const item = event.target.closest?.('.sidebar [aria-expanded="false"]');
  if (!item) { clearTimeout(waiting); waiting = 0; }
  else if (!waiting) waiting = setTimeout(() => { waiting = 0; fold(item, false); }, UNFOLD_MS);
});
