// Keys of the mail pages (Gmail's set). Letters do nothing while somebody types or a dialog is open.
import { closeThread, currentRow, focusRow, listElement, openThread, rows } from "./list.js";
import { openDialog } from "./menus.js";
import { say } from "./status.js";
import { undoLast } from "./toasts.js";

const SEQUENCE_MS = 1_000;
const GO = { i: "inbox", u: "unread", s: "starred", d: "drafts", t: "sent", o: "scheduled" };

let prefix = "";
let prefixTimer = 0;

const isTyping = (target) => target.closest?.("input:not([type=checkbox]):not([type=radio]), textarea, select, [contenteditable=true]");

function step(by) {
  const all = rows();
  const at = all.indexOf(currentRow());
  const next = at < 0 ? all[0] : all[at + by];
  if (next) focusRow(next);
  else if (by > 0) document.querySelector('[data-behaviour~="older"]')?.click();
  return Boolean(next);
}

function open() {
  const link = currentRow()?.querySelector(".row__link");
  link?.click();
  return Boolean(link);
}

function toggleSelected() {
  const box = currentRow()?.querySelector(".row__check");
  box?.click();
  return Boolean(box);
}

// With a selection: its bar. Else the row with the focus, else what is open.
function act(...verbs) {
  const isSelected = document.querySelector("#rows .row__check:checked");
  if (isSelected) return press(document.querySelector(".list__bar"), verbs);
  const row = document.activeElement?.closest?.(".row");
  if (row) return onRow(row, verbs);
  return press(document.getElementById("reading-bar"), verbs) || onRow(currentRow(), verbs);
}

function press(bar, verbs) {
  const button = verbs.map((verb) => bar?.querySelector(`[data-verb="${verb}"]`)).find(Boolean);
  button?.click();
  return Boolean(button);
}

function onRow(row, verbs) {
  if (!row) return false;
  const button = verbs.map((verb) => row.querySelector(`button[value^="${verb} "]`)).find(Boolean);
  if (button) { button.click(); return true; }
  // What has no button in the row is done by its bar, for this row alone.
  const box = row.querySelector(".row__check");
  const bar = document.querySelector(".list__bar");
  if (!box || !bar) return false;
  box.checked = true;
  return press(bar, verbs);
}

function messageKey(key) {
  const button = document.querySelector(`#reading [data-key="${key}"]`);
  button?.click();
  return Boolean(button);
}

function nextMessage(by) {
  const lines = [...document.querySelectorAll("#reading .message > .message__line")].filter((line) => line.offsetParent);
  if (!lines.length) return false;
  const at = lines.indexOf(document.activeElement?.closest?.(".message")?.querySelector(".message__line"));
  const line = lines[at < 0 ? (by > 0 ? 0 : lines.length - 1) : at + by];
  line?.focus();
  line?.scrollIntoView({ block: "nearest" });
  return Boolean(line);
}

const go = (key) => {
  const line = document.getElementById(`nav-${GO[key]}`);
  line?.click();
  return Boolean(line);
};

const KEYS = {
  j: () => step(1),
  k: () => step(-1),
  o: open,
  Enter: () => Boolean(document.activeElement?.closest?.("#rows")) && document.activeElement.matches(".row__link") ? false : currentRow() && !document.activeElement?.matches?.("a, button, summary") && open(),
  u: () => closeThread() || focusRow(currentRow() ?? rows()[0]),
  x: toggleSelected,
  e: () => act("archive"),
  "#": () => act("delete"),
  Delete: () => act("delete"),
  "!": () => act("notjunk", "junk"),
  s: () => act("unstar", "star"),
  I: () => act("read"),
  U: () => act("unread"),
  n: () => nextMessage(1),
  p: () => nextMessage(-1),
  r: () => messageKey("r"),
  a: () => messageKey("a"),
  f: () => messageKey("f"),
  c: () => { const button = document.querySelector('.sidebar [data-key="c"]'); button?.click(); return Boolean(button); },
  z: undoLast,
  "/": () => { const box = document.getElementById("q"); box?.focus(); box?.select(); return Boolean(box); },
  H: () => messageKey("H"),
  "?": () => { openDialog("keys"); return true; },
};

function arrow(event) {
  if (!event.target.closest?.("#rows")) return false;
  if (event.key === "ArrowDown") return step(1);
  if (event.key === "ArrowUp") return step(-1);
  return false;
}

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
  if (document.querySelector("dialog[open], details.menu[open]")) return;
  if (isTyping(event.target)) {
    if (event.key === "Escape" && event.target.id === "q") event.target.blur();
    return;
  }
  if (arrow(event)) { event.preventDefault(); return; }
  if (prefix === "g" && event.key in GO) {
    prefix = "";
    if (go(event.key)) event.preventDefault();
    return;
  }
  prefix = "";
  if (event.key === "g") {
    prefix = "g";
    say("g");
    clearTimeout(prefixTimer);
    prefixTimer = setTimeout(() => { prefix = ""; }, SEQUENCE_MS);
    return;
  }
  const isOnPage = listElement() || openThread() || "c/?".includes(event.key);
  if (isOnPage && KEYS[event.key]?.()) event.preventDefault();
});
