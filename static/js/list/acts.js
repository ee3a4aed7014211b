// Acts on rows. The page shows at once what they do, the focus moves on, then the server is told; a fault brings all back.
import { enqueue } from "../live/queue.js";
import { isListShown, listAddress, listElement, openId, rowOf, rowsElement } from "./dom.js";
import { focusHeading, focusId, heirOf, isNowhere } from "./focus.js";
import * as items from "./items.js";
import { closeThread, openById } from "./opening.js";
import { forgetAhead } from "./prefetch.js";
import { renew } from "./renew.js";
import { keepState, setRead, setStarred } from "./row_state.js";
import { allMatching, clear, leftOut, selectedIds, showSelection } from "./selection.js";
import { render, seen, showAround } from "./window.js";

const LEAVING = new Set(["archive", "delete", "junk", "notjunk", "move", "restore"]);
const LEAVING_ALL = new Set(["delete", "junk"]); // what no list over everything shows afterwards
const IN_ROW = {
  read: (ids) => setRead(ids, true),
  unread: (ids) => setRead(ids, false),
  star: (ids) => setStarred(ids, true),
  unstar: (ids) => setStarred(ids, false),
};

let running = 0;
let lastGone = []; // what left last: undo puts the focus back there
export const isActing = () => running > 0;

function meantIds() {
  const selected = selectedIds();
  if (selected.length) return selected;
  const id = rowOf(document.activeElement)?.dataset.id || openId();
  return id ? [id] : [];
}

// Whether rows leave this list by the verb. Deleting in Trash is for good and asks first.
function leaves(verb) {
  const { role = "", holds = "mailboxes" } = listElement()?.dataset ?? {};
  if (verb === "delete" && role === "trash") return false;
  return holds === "mailboxes" ? LEAVING.has(verb) : LEAVING_ALL.has(verb);
}

// `verb` as of POST /mail/act. Without `ids`: the selection, else the row with the focus, else what is open.
export function perform(verb, { ids, target = "", copy = false } = {}) {
  const isAll = !ids && allMatching();
  const meant = ids ?? (isAll ? items.loaded().map((item) => item.id).filter((id) => !leftOut().includes(id)) : meantIds());
  if (!meant.length) return false;
  const what = copy && verb === "move" ? "copy" : verb;
  const isOpenMeant = meant.includes(openId());
  const fields = [["do", target ? `${what}:${target}` : what], ["list", listElement() ? listAddress() : ""]];
  if (isAll) fields.push(["all", "1"], ...leftOut().map((id) => ["but", id]));
  else fields.push(...meant.map((id) => ["ids", id]));
  const isLeaving = Boolean(rowsElement()) && leaves(what);
  if (!isLeaving || !isOpenMeant) fields.push(["open", openId()]);
  const index = actIndex(isOpenMeant);
  if (isLeaving || isAll) clear();
  const takeBack = isLeaving ? leave(meant, { isOpenMeant, index }) : change(what, meant);
  send(fields, meant, takeBack);
  return true;
}

export function toggleStar() {
  const meant = meantIds();
  const isStarred = meant.length > 0 && meant.every((id) => items.itemOf(id)?.node.classList.contains("row--starred"));
  return perform(isStarred || (!items.itemOf(meant[0]) && document.querySelector('#reading-bar [data-verb="unstar"]')) ? "unstar" : "star");
}

function change(verb, ids) {
  const takeBack = keepState(ids);
  IN_ROW[verb]?.(ids);
  return takeBack;
}

// The place from which focus goes on: the row with the focus, else what is open; -1 when neither is in the list.
function actIndex(isOpenMeant) {
  const row = rowOf(document.activeElement);
  if (row?.dataset.id) return items.indexOf(row.dataset.id);
  return isOpenMeant ? items.indexOf(openId()) : -1;
}

// The rows go; focus, and what is open, go on to the next.
function leave(ids, { isOpenMeant, index }) {
  const wish = document.documentElement.dataset.afterAct ?? "next";
  const focused = rowOf(document.activeElement)?.dataset.id;
  const first = index < 0 ? Math.min(...ids.map((id) => items.indexOf(id)).filter((at) => at >= 0), items.total()) : index;
  const heir = heirOf(first, ids, { isBackwards: wish === "previous" });
  const hadFocusInList = Boolean(focused) || !isOpenMeant;
  const gone = items.remove(ids);
  lastGone = gone.length ? gone.map(({ item }) => item.id) : ids;
  for (const id of ids) items.leaving.add(id);
  forgetAhead(ids);
  if (isOpenMeant) followOpen(heir, { wish, hadFocusInList });
  if (isListShown() && (ids.includes(focused) || isNowhere())) { if (!focusId(heir)) focusHeading(); }
  render();
  if (isNowhere() && isListShown() && !focusId(heir)) focusHeading();
  showSelection();
  const { generation } = items;
  return () => {
    for (const id of ids) items.leaving.delete(id);
    if (generation === items.generation) { items.insert(gone); renderWhole(); showSelection(); focusId(gone[0]?.item.id); }
    else renew();
  };
}

// The part that is shown ended where the list did; with rows come back it ends further down.
function renderWhole() {
  const now = seen();
  if (now) showAround(now.first, now.last);
  else render();
}

function followOpen(heir, { wish, hadFocusInList }) {
  if (!heir || wish === "list") {
    closeThread({ hasFocus: false, isBack: false });
    if (heir) focusId(heir);
  } else openById(heir, { isNext: true, hasFocus: !hadFocusInList || !isListShown() });
}

function send(fields, ids, takeBack) {
  const source = document.createElement("span");
  source.hidden = true;
  document.body.append(source);
  const values = {};
  for (const [name, value] of fields) (values[name] ??= []).push(value);
  running += 1;
  source.addEventListener("htmx:sendError", (event) => {
    if (enqueue(fields)) event.stopPropagation(); // it waits for the network; the row says so
  });
  source.addEventListener("htmx:afterRequest", (event) => {
    const { successful, xhr } = event.detail;
    running -= 1;
    source.remove();
    if (!successful || xhr.getResponseHeader("HX-Retarget") === "#dialog") takeBack();
    for (const id of ids) items.leaving.delete(id);
    if (successful) renew();
    if (!running) document.dispatchEvent(new CustomEvent("pillarbox:acted"));
  }, { once: true });
  window.htmx.ajax("POST", "/mail/act", { source, values, swap: "none" });
}

// The answer brings the star buttons of the messages that have one here, as they are then.
document.addEventListener("htmx:configRequest", (event) => {
  if (!/\/mail\/(?:act|undo)$/.test(event.detail.path)) return;
  for (const { id } of document.querySelectorAll('#reading [id^="star-button-"]')) event.detail.formData.append("unfolded", id.slice("star-button-".length));
});

// Others tell that the list changed: an undo, a picker, an answer to a question.
document.addEventListener("list:changed", () => renew());
document.addEventListener("htmx:afterRequest", (event) => {
  if (!event.detail.successful || !event.detail.pathInfo?.requestPath?.includes("/mail/undo")) return;
  renew().then(() => {
    const back = lastGone.find((id) => items.itemOf(id));
    if (back) focusId(back);
    else if (isNowhere()) focusHeading();
  });
});
