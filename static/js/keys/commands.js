// What each command does: names of the table in webmail/web/keys/commands.py to functions of the other modules. A function that
// answers false did nothing, and the press stays the browser's.
import { perform, toggleStar } from "../list/acts.js";
import { page } from "../list/input.js";
import { closeThread, currentRow, listElement, openRow, openThread, rows, step } from "../list/list.js";
import { openById } from "../list/opening.js";
import { renew } from "../list/renew.js";
import { clear, selectAllMatching, selectedIds, toggle } from "../list/selection.js";
import { selectWhich } from "../list/selection_bar.js";
import { openPicker } from "../organise/picker.js";
import { undo } from "../organise/undo.js";
import { say } from "../status.js";
import { t } from "../words.js";
import { composerCommands } from "./composer.js";
import { goCommands, pressFirst } from "./going.js";
import { openOverlay } from "./overlay.js";
import { openPalette } from "./palette.js";
import { currentMessage, fold, foldAll, hasMessageFocus, messageId, pressInMessage, walk } from "./thread.js";

const isSeen = (node) => Boolean(node?.checkVisibility?.() ?? node?.offsetParent);
const hasMail = () => Boolean(listElement() || openThread());

function open() {
  if (hasMessageFocus()) return fold();
  return Boolean(currentRow()) && openRow(currentRow());
}

function back() {
  if (openThread() && listElement() && closeThread() !== false) return true;
  if (!listElement()) return pressFirst('[data-behaviour~="back"]');
  if (!pressFirst('form[action$="/mail/check"] button')) renew({ counts: true });
  say(t("Looking for new mail"));
  return true;
}

const act = (verb, options) => hasMail() && perform(verb, options) !== false;

const isInJunk = () => Boolean(document.querySelector('#list [data-verb="notjunk"], #reading-bar [data-verb="notjunk"]'));

// The other is opened first: the pane and the focus are there when the archived one leaves.
function archiveAndGo(by) {
  const id = currentRow()?.dataset.id ?? openThread()?.dataset.id;
  if (!id) return false;
  const all = rows();
  const next = all[all.indexOf(currentRow()) + by];
  if (!next || all.indexOf(currentRow()) < 0) return act("archive", { ids: [id] });
  openById(next.dataset.id, { isNext: Boolean(openThread()) }).then(() => perform("archive", { ids: [id] }));
  return true;
}

// All that is shown; pressed again, all that match.
function selectAll() {
  if (!listElement()) return false;
  const ids = new Set(selectedIds());
  const isWhole = ids.size > 0 && rows().every((row) => !row.dataset.id || ids.has(row.dataset.id));
  if (!isWhole) return selectWhich("all");
  selectAllMatching();
  return true;
}

const choose = (which) => Boolean(listElement()) && selectWhich(which);

function mute() {
  const row = currentRow();
  const isMuted = row ? row.classList.contains("row--muted") : Boolean(document.querySelector('#reading-bar [data-verb="unmute"]'));
  return act(isMuted && !selectedIds().length ? "unmute" : "mute");
}

function takeLabelOff() {
  const label = listElement()?.dataset.label;
  if (label) return act("unlabel", { target: label });
  say(t("This list is not one of a label"));
  return true;
}

const pick = (kind) => hasMail() && openPicker(kind) !== false;

function focusToolbar() {
  const bar = [".list__bar", "#reading-bar", ".list__head"].map((selector) => document.querySelector(selector));
  const wanted = selectedIds().length ? bar : [bar[1], bar[0], bar[2]];
  const button = wanted.flatMap((one) => [...(one?.querySelectorAll("button, a[href], summary, input") ?? [])]).find(isSeen);
  button?.focus();
  return Boolean(button);
}

function more() {
  const menu = [currentMessage(), document.getElementById("reading-bar"), document.querySelector(".list__bar")]
    .map((root) => root?.querySelector('[data-command="more"], details.menu > summary'))
    .find(isSeen);
  menu?.click();
  const first = menu?.closest("details")?.querySelector(".menu__item");
  first?.focus();
  return Boolean(menu);
}

function search() {
  const box = document.getElementById("q");
  if (!isSeen(box)) return pressFirst('.bottombar a[href$="/mail/search"]');
  box.focus();
  box.select();
  return true;
}

const COMMANDS = {
  next: () => Boolean(listElement()) && step(1),
  previous: () => Boolean(listElement()) && step(-1),
  open,
  back,
  search,
  next_block: () => Boolean(listElement()) && page(1),
  previous_block: () => Boolean(listElement()) && page(-1),
  select: () => Boolean(currentRow()) && toggle(currentRow()) !== false,
  extend_next: () => Boolean(listElement()) && step(1, { extend: true }),
  extend_previous: () => Boolean(listElement()) && step(-1, { extend: true }),
  select_all: selectAll,
  select_none: () => { clear(); return Boolean(listElement()); },
  select_read: () => choose("read"),
  select_unread: () => choose("unread"),
  select_starred: () => choose("starred"),
  select_unstarred: () => choose("unstarred"),
  archive: () => act("archive"),
  delete: () => act("delete"),
  junk: () => act(isInJunk() ? "notjunk" : "junk"),
  star: () => hasMail() && toggleStar(),
  important: () => act("important"),
  unimportant: () => act("unimportant"),
  read: () => act("read"),
  unread: () => act("unread"),
  unread_from: () => Boolean(messageId()) && act("unread_from", { ids: [messageId()] }),
  label: () => pick("label"),
  move: () => pick("move"),
  unlabel: takeLabelOff,
  mute,
  archive_previous: () => archiveAndGo(-1),
  archive_next: () => archiveAndGo(1),
  undo: () => undo() !== false,
  next_message: () => walk(1),
  previous_message: () => walk(-1),
  unfold_all: () => foldAll(true),
  fold_all: () => foldAll(false),
  headers: () => pressInMessage('[data-command="headers"]'),
  colors: () => pressInMessage('[data-command="colors"]'),
  compose: () => pressFirst('[data-command="compose"]', 'form[action$="/compose/new"] button'),
  reply: () => pressInMessage('[data-command="reply"]'),
  reply_all: () => pressInMessage('[data-command="reply_all"]'),
  forward: () => pressInMessage('[data-command="forward"]'),
  palette: () => openPalette(),
  keys: () => openOverlay(),
  more,
  toolbar: focusToolbar,
  ...goCommands,
  ...composerCommands,
};

export const run = (name) => COMMANDS[name]?.() ?? false;
