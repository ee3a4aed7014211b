// The lines of the sidebar as a tree: one tab stop, arrow keys, type-ahead, branches that fold (WAI-ARIA, tree view pattern).
// The server sends plain lists of links; roles are put on here, again after every renewal.
import { applyFolds, branchOf, fold, isFolded } from "./folds.js";

const TYPING_MS = 700;
const tree = () => document.querySelector('[data-behaviour~="tree"]');
const itemsOf = (root) => [...root.querySelectorAll(".nav__item")];
const isVisible = (item) => !item.closest("[hidden]") && item.getClientRects().length > 0;

function level(item, root) {
  let depth = 1;
  for (let node = item.parentElement; node && node !== root; node = node.parentElement) if (node.id.startsWith("inside-")) depth += 1;
  return depth;
}

function raiseTree() {
  const root = tree();
  if (!root || root.getAttribute("role") === "tree") return;
  root.setAttribute("role", "tree");
  root.setAttribute("aria-label", root.dataset.label);
  for (const list of root.querySelectorAll("ul")) list.setAttribute("role", list.id.startsWith("inside-") ? "group" : "none");
  for (const line of root.querySelectorAll("li")) line.setAttribute("role", "none");
  for (const more of root.querySelectorAll(".nav__more")) { more.setAttribute("aria-hidden", "true"); more.tabIndex = -1; }
  for (const mark of root.querySelectorAll("[data-fold]")) mark.hidden = false;
  const items = itemsOf(root);
  for (const item of items) {
    item.setAttribute("role", "treeitem");
    item.setAttribute("aria-level", level(item, root));
    const branch = branchOf(item);
    if (branch) item.setAttribute("aria-owns", branch.id);
  }
  applyFolds(items);
  setStop(root, root.contains(document.activeElement) ? document.activeElement : null);
}

// One line can be reached by Tab: the one with the focus, else that of the page, else the first.
function setStop(root, wanted) {
  const items = itemsOf(root);
  const shown = items.filter(isVisible);
  const stop = shown.find((item) => item === wanted) ?? shown.find((item) => item.hasAttribute("aria-current")) ?? shown[0] ?? items[0];
  for (const item of items) item.tabIndex = item === stop ? 0 : -1;
}

function focusItem(root, item) {
  if (!item) return;
  setStop(root, item);
  item.focus();
}

const parentOf = (item) => {
  const list = item.closest("ul[id^='inside-']");
  return list && (document.querySelector(`[data-folds="${list.id}"]`) ?? list.parentElement.querySelector(":scope > .nav__item"));
};

const moves = {
  ArrowDown: (shown, here) => shown[here + 1],
  ArrowUp: (shown, here) => shown[here - 1],
  Home: (shown) => shown[0],
  End: (shown) => shown.at(-1),
};

// To the inside unfolds, then goes to the first line; to the outside folds, then goes to the line above.
function goSideways(root, item, inwards) {
  const branch = branchOf(item);
  if (inwards) {
    if (branch && isFolded(item)) fold(item, false);
    else if (branch) focusItem(root, branch.querySelector(".nav__item"));
  } else if (branch && !isFolded(item)) fold(item, true);
  else focusItem(root, parentOf(item));
}

let typed = "";
let typedAt = 0;
function typeAhead(root, shown, here, key) {
  const now = Date.now();
  typed = now - typedAt > TYPING_MS ? key : typed + key;
  typedAt = now;
  const from = typed.length > 1 ? here : here + 1;
  const turned = [...shown.slice(from), ...shown.slice(0, from)];
  const wanted = typed.toLocaleLowerCase();
  focusItem(root, turned.find((item) => item.innerText.trim().toLocaleLowerCase().startsWith(wanted)));
}

function onKey(event) {
  const item = event.target.closest?.('[role="treeitem"]');
  const root = tree();
  if (!item || !root?.contains(item) || event.ctrlKey || event.metaKey || event.altKey) return false;
  const shown = itemsOf(root).filter(isVisible);
  const here = shown.indexOf(item);
  const inwards = document.documentElement.dir === "rtl" ? "ArrowLeft" : "ArrowRight";
  if (moves[event.key]) focusItem(root, moves[event.key](shown, here));
  else if (event.key === "ArrowLeft" || event.key === "ArrowRight") goSideways(root, item, event.key === inwards);
  else if (event.key === "Enter" || event.key === " ") item.click();
  // After a click with the mouse letters belong to the list: only who came here by keys types a name.
  else if (event.key.length === 1 && /\p{L}|\p{N}/u.test(event.key) && item.matches(":focus-visible")) typeAhead(root, shown, here, event.key);
  else return false;
  return true;
}

document.addEventListener("keydown", (event) => {
  if (!onKey(event)) return;
  event.preventDefault();
  event.stopPropagation();
}, true);

document.addEventListener("click", (event) => {
  const item = event.target.closest?.(".sidebar .nav__item");
  const sidebar = item?.closest(".sidebar");
  if (!item || event.ctrlKey || event.metaKey || event.shiftKey || !branchOf(item) || sidebar.clientWidth <= 120) return;
  // The arrow folds; so does the whole line of an account, which opens nothing by itself.
  if (!event.target.closest("[data-fold]") && !item.dataset.folds && item.hasAttribute("href")) return;
  event.preventDefault();
  event.stopPropagation();
  fold(item, !isFolded(item));
  setStop(tree(), item);
}, true);

document.addEventListener("focusin", (event) => {
  const root = tree();
  if (root?.contains(event.target) && event.target.matches('[role="treeitem"]')) setStop(root, event.target);
});
document.addEventListener("htmx:oobAfterSwap", raiseTree);
document.addEventListener("htmx:afterSettle", raiseTree);
document.addEventListener("pillarbox:renewed", raiseTree);
raiseTree();
