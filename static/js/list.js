// The list: which row is open, what is selected, more rows at the end, the focus after a row has gone.
import { say } from "./status.js";

export const listElement = () => document.getElementById("list");
export const rows = () => [...document.querySelectorAll("#rows > .row")];
export const rowOf = (node) => node?.closest?.(".row") ?? null;
export const openThread = () => document.querySelector("#reading .thread");
// Scrolls the list alone: scrollIntoView would move the page under it as well. The sticky heading covers 24 px.
const HEADING_PX = 26;
function bring(row, { toMiddle = false } = {}) {
  const pane = document.getElementById("list-scroll");
  if (!pane || !row) return;
  const top = row.getBoundingClientRect().top - pane.getBoundingClientRect().top;
  const below = top + row.offsetHeight - pane.clientHeight;
  if (toMiddle && (top < 0 || below > 0)) pane.scrollTop += top - pane.clientHeight / 2;
  else if (top < HEADING_PX) pane.scrollTop += top - HEADING_PX;
  else if (below > 0) pane.scrollTop += below;
}
export const focusRow = (row) => {
  const link = row?.querySelector(".row__link");
  if (!link) return false;
  link.focus({ preventScroll: true });
  bring(row);
  return true;
};

// The row that keys act on: the one with the focus, else the open one.
export function currentRow() {
  return rowOf(document.activeElement) ?? document.getElementById(`row-${openThread()?.dataset.id}`);
}

function markOpen() {
  const id = openThread()?.dataset.id;
  for (const row of rows()) {
    if (id && row.dataset.id === id) row.setAttribute("aria-current", "true");
    else row.removeAttribute("aria-current");
  }
}

// Selection --------------------------------------------------------------------------------------------------------
const boxes = () => [...document.querySelectorAll('#rows input[name="ids"]')];
let lastBox = null;

function showSelection() {
  const all = document.querySelector('[data-behaviour~="select-all"]');
  const list = boxes();
  const count = list.filter((box) => box.checked).length;
  const label = document.querySelector('[data-behaviour~="count"]');
  if (label) label.textContent = count ? `${count} selected` : "";
  if (all) {
    all.checked = count > 0 && count === list.length;
    all.indeterminate = count > 0 && count < list.length;
  }
}

export function select(which) {
  for (const box of boxes()) box.checked = which(box.closest(".row"));
  showSelection();
}

document.addEventListener("click", (event) => {
  const box = event.target;
  if (!(box instanceof HTMLInputElement) || box.name !== "ids") return;
  if (event.shiftKey && lastBox?.isConnected) {
    const list = boxes();
    const [from, to] = [list.indexOf(lastBox), list.indexOf(box)].sort((a, b) => a - b);
    for (const between of list.slice(from, to + 1)) between.checked = box.checked;
  }
  lastBox = box;
  showSelection();
});
document.addEventListener("change", (event) => {
  if (event.target.matches?.('[data-behaviour~="select-all"]')) select(() => event.target.checked);
});

// A row opened with a modifier opens a tab, as any link does.
document.addEventListener("htmx:confirm", (event) => {
  const click = event.detail.triggeringEvent;
  if (event.target.matches?.('[data-behaviour~="open"]') && (click?.ctrlKey || click?.metaKey || click?.shiftKey)) event.preventDefault();
});

// What the page holds travels with every act: how long the list is, where it begins, what is open.
export const held = () => ({ rows: String(rows().length), open: openThread()?.dataset.id ?? "" });

document.addEventListener("htmx:configRequest", (event) => {
  if (event.detail.verb !== "post") return;
  const form = event.target.closest?.('[data-behaviour~="acts"], [data-behaviour~="closes-dialog"], [data-toast-act]');
  if (!form) return;
  const { parameters } = event.detail;
  Object.assign(parameters, held());
  const own = document.getElementById("acts-list")?.value;
  if (own && !form.matches("[data-toast-act]")) parameters.list = own;
});

// Focus ------------------------------------------------------------------------------------------------------------
let heirs = [];

document.addEventListener("htmx:beforeSwap", (event) => {
  if (event.detail.target?.id !== "list") return;
  const row = currentRow();
  const all = rows();
  const at = row ? all.indexOf(row) : -1;
  const had = document.activeElement;
  const isInside = had && had !== document.body && (listElement()?.contains(had) || openThread()?.contains(had) || had.closest?.("dialog"));
  heirs = isInside && at >= 0 ? [all[at], ...all.slice(at + 1), ...all.slice(0, at).reverse()].map((one) => one.id) : [];
});

// New rows above what is being read: a pill tells of them, nothing moves under the pointer.
let topRow = null;
let unseen = 0;

document.addEventListener("htmx:beforeSwap", (event) => {
  if (event.detail.target?.id === "list") topRow = rows()[0]?.id ?? null;
});

function showPill() {
  const pane = document.getElementById("list-scroll");
  const head = document.querySelector(".list__head");
  if (!pane || !head) return;
  if (topRow) unseen += Math.max(0, rows().findIndex((row) => row.id === topRow));
  topRow = null;
  if (pane.scrollTop < HEADING_PX) unseen = 0;
  if (!unseen) return;
  const pill = document.getElementById("new-rows") ?? document.createElement("button");
  Object.assign(pill, { id: "new-rows", type: "button", className: "pill button button--primary button--small" });
  pill.textContent = `${unseen} new`;
  head.append(pill);
}
function dropPill() {
  unseen = 0;
  document.getElementById("new-rows")?.remove();
}
document.addEventListener("click", (event) => {
  if (!event.target.closest?.("#new-rows")) return;
  document.getElementById("list-scroll").scrollTop = 0;
  dropPill();
  focusRow(rows()[0]);
});
document.addEventListener("scroll", (event) => {
  if (event.target.id === "list-scroll" && event.target.scrollTop < HEADING_PX) dropPill();
}, true);

function keepFocus() {
  if (!heirs.length || (document.activeElement && document.activeElement !== document.body)) { heirs = []; return; }
  const row = heirs.map((id) => document.getElementById(id)).find(Boolean);
  heirs = [];
  if (!focusRow(row)) {
    const heading = document.getElementById("list-title");
    heading?.setAttribute("tabindex", "-1");
    heading?.focus();
    say("The list is empty");
  }
}

document.addEventListener("htmx:afterSwap", keepFocus);
document.addEventListener("htmx:afterSettle", (event) => {
  if (event.target.id === "reading") {
    const unread = document.querySelector("#reading .message--unread .message__line") ?? document.getElementById("thread-subject");
    unread?.focus({ preventScroll: true });
    const pane = document.getElementById("thread-scroll");
    const first = document.querySelector("#reading .message--unread");
    if (pane && first) pane.scrollTop = Math.max(0, first.offsetTop - pane.offsetTop - 80);
    const row = document.getElementById(`row-${openThread()?.dataset.id}`);
    row?.classList.remove("row--unread");
  }
  markOpen();
  showSelection();
  keepFocus();
  showPill();
  watchEnd();
  reveal();
});

// Back to the list on narrow screens and by "u": the pane is emptied here, the address follows.
export function closeThread() {
  const list = listElement();
  if (!openThread() || !list) return false;
  const row = document.getElementById(`row-${openThread().dataset.id}`);
  history.pushState({ htmx: true }, "", list.dataset.address);
  window.htmx.ajax("GET", list.dataset.address, { target: "#reading", swap: "outerHTML", headers: { "HX-Current-URL": location.href } });
  if (row) focusRow(row);
  return true;
}
document.addEventListener("click", (event) => {
  const back = event.target.closest?.('[data-behaviour~="back"]');
  if (!back || event.ctrlKey || event.metaKey || !listElement()) return;
  event.preventDefault();
  closeThread();
});

// More rows when the reader has come near the end ------------------------------------------------------------------
const NEAR_PX = 1_200;
let observer = null;

function watchEnd() {
  observer?.disconnect();
  const older = document.querySelector('[data-behaviour~="older"]');
  if (!older) return;
  observer = new IntersectionObserver((seen) => {
    if (seen.some((one) => one.isIntersecting)) {
      observer.disconnect();
      older.click();
    }
  }, { root: document.getElementById("list-scroll"), rootMargin: `${NEAR_PX}px 0px` });
  observer.observe(older);
}

// What makes sense only with scripts.
function reveal() {
  for (const node of document.querySelectorAll("[data-reveal][hidden], [data-open-dialog][hidden]")) node.hidden = false;
}

markOpen();
watchEnd();
reveal();
bring(document.querySelector("#rows > .row[aria-current]"), { toMiddle: true });
