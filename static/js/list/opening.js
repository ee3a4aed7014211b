// A row opens beside the list, or in its place. The address follows; back closes. Neighbours are fetched ahead, as text.
import { say } from "../status.js";
import { showToast } from "../toasts.js";
import { t } from "../words.js";
import { isListShown, isThisList, listAddress, listElement, openId, openThread, rowById, rows } from "./dom.js";
import { fetchPart, putPart } from "./fetching.js";
import { focusHeading, focusId, isNowhere } from "./focus.js";
import * as place from "./place.js";
import { dropAhead, takeAhead } from "./prefetch.js";
import { renew } from "./renew.js";
import { setRead } from "./row_state.js";
import { beginRange } from "./selection.js";
import { updateTitle } from "./title.js";

const QUIET_MS = 150; // up to here nothing tells of waiting
let latest = 0;
let seenTimer = 0;
let emptyPane = null; // the line of help that stands where nothing is open

export function markOpen() {
  const id = openId();
  for (const row of rows()) {
    if (id && row.dataset.id === id) row.setAttribute("aria-current", "true");
    else row.removeAttribute("aria-current");
  }
}

// Open a row. `tab`: in a tab of its own. `hasFocus`: the focus goes into the conversation. `isNext`: in place of what was open.
export function openRow(row, { tab = false, hasFocus = true, isNext = false } = {}) {
  const link = row?.querySelector(".row__link");
  if (!link) return false;
  if (tab) { window.open(link.href, "_blank", "noopener"); return true; }
  if (!row.dataset.id || row.classList.contains("row--draft")) { location.assign(link.href); return true; }
  openById(row.dataset.id, { hasFocus, isNext });
  return true;
}

export async function openById(id, { hasFocus = true, isNext = false, isBack = false } = {}) {
  const hadList = !openThread();
  if (!isBack && !(openId() === id)) {
    if (isNext) place.replace(id);
    else place.push(id, { hasList: hadList });
  }
  beginRange(rowById(id));
  await show(id, hasFocus);
}

async function show(id, hasFocus) {
  latest += 1;
  const mine = latest;
  const pane = document.getElementById("reading");
  const timer = setTimeout(() => { pane.classList.add("is-loading"); say(t("Loading")); }, QUIET_MS);
  try {
    const text = await (takeAhead(id) ?? fetchPart(listAddress({ t: id }), { target: "reading" }));
    if (mine === latest) put(text, id, hasFocus);
  } catch (error) {
    if (mine === latest) fail(error);
  } finally {
    clearTimeout(timer);
    pane.classList.remove("is-loading");
  }
}

function put(text, id, hasFocus) {
  rememberEmpty();
  putPart("reading", text, "outerHTML");
  markOpen();
  if (hasFocus || !isListShown() || isNowhere()) enter();
  updateTitle();
  seeLater(id);
}

function fail(error) {
  if (error.status === 404) {
    showToast(t("This is not here any more: it was moved or deleted elsewhere."));
    renew();
  } else if (error.message !== "signed out") {
    showToast(t("The server cannot be reached. Nothing was done; try again."));
  }
  history.replaceState(history.state, "", place.address(openId()));
}

// Focus on the first unread message, and it is in view.
function enter() {
  const unread = document.querySelector("#reading .message--unread");
  const goal = unread?.querySelector(".message__line") ?? document.getElementById("thread-subject");
  goal?.focus({ preventScroll: true });
  const pane = document.getElementById("thread-scroll");
  if (pane && unread) pane.scrollTop = Math.max(0, unread.offsetTop - pane.offsetTop - 80);
}

// It counts as read after the person's delay, at once in the row.
function seeLater(id) {
  clearTimeout(seenTimer);
  const delay = document.documentElement.dataset.markRead;
  const isUnread = document.querySelector("#reading .message--unread") || rowById(id)?.classList.contains("row--unread");
  if (delay === undefined || !isUnread) return;
  const see = () => {
    if (openId() !== id) return;
    setRead([id], true);
    const source = document.createElement("span");
    document.body.append(source);
    window.htmx.ajax("POST", "/mail/seen", { source, values: { id, list: listAddress() }, swap: "none" }).finally(() => source.remove());
  };
  if (Number(delay) > 0) seenTimer = setTimeout(see, Number(delay) * 1_000);
  else see();
}

function rememberEmpty() {
  emptyPane ??= document.querySelector("#reading > .empty")?.cloneNode(true) ?? null;
}

// Empty the pane; the address is the list's. Focus goes to the row, unless `hasFocus` is false.
export function closeThread({ hasFocus = true, isBack = false } = {}) {
  const id = openId();
  if (!id || !listElement()) return false;
  latest += 1;
  clearTimeout(seenTimer);
  const pane = document.getElementById("reading");
  if (emptyPane) pane.replaceChildren(emptyPane.cloneNode(true));
  else {
    pane.replaceChildren();
    fetchPart(listAddress(), { target: "reading" }).then((text) => { if (!openThread()) putPart("reading", text, "outerHTML"); }, () => {});
  }
  if (!isBack) {
    if (history.state?.fromList) history.back();
    else history.pushState({ mail: true }, "", place.address(""));
  }
  markOpen();
  updateTitle();
  document.dispatchEvent(new CustomEvent("pillarbox:closed"));
  if (hasFocus && !focusId(id) && isNowhere()) focusHeading();
  return true;
}

// Back and forward inside this list; other pages are loaded.
addEventListener("popstate", (event) => {
  if (!listElement() || event.state?.htmx) return;
  if (!isThisList(location.href)) { location.reload(); return; }
  const id = new URL(location.href).searchParams.get("t") ?? "";
  if (id === openId()) return;
  if (id) openById(id, { isBack: true });
  else closeThread({ isBack: true });
});

document.addEventListener("click", (event) => {
  const back = event.target.closest?.('[data-behaviour~="back"]');
  if (!back || event.ctrlKey || event.metaKey || !listElement()) return;
  event.preventDefault();
  closeThread();
});
document.addEventListener("pillarbox:renewed", () => { dropAhead(); markOpen(); });
rememberEmpty();
if (openId()) seeLater(openId());
