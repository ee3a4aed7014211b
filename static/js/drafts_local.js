// Text of drafts that the server does not have yet, kept in this browser (localStorage) until it has.
// One user's alone: those of others go at every load, all of them when somebody signs out here, in whichever tab.
const PREFIX = "draft:";
const SIGNED_OUT = "drafts-signed-out";
const KEPT_MS = 14 * 86_400_000;
const MOST_CHARS = 1_500_000; // of one draft; browsers give a site some 5 million
export const FIELDS = ["identity", "to", "cc", "bcc", "subject", "text"];

// A key for each page that is open: two windows with one draft do not overwrite each other's.
const PAGE = Math.random().toString(36).slice(2);
const keyOf = (owner, draft) => `${PREFIX}${owner}:${draft}:${PAGE}`;

function keys(start = PREFIX) {
  const found = [];
  for (let index = 0; index < localStorage.length; index += 1) {
    const key = localStorage.key(index);
    if (key.startsWith(start)) found.push(key);
  }
  return found;
}

function parse(key) {
  try {
    const copy = JSON.parse(localStorage.getItem(key) ?? "null");
    return copy && typeof copy === "object" && typeof copy.text === "string" ? { ...copy, key } : null;
  } catch {
    return null;
  }
}

// Nothing is kept from the moment on at which somebody signs out, in this tab or another: the next person may sit here.
let isOver = false;
const isClosed = () => {
  try { return isOver || localStorage.getItem(SIGNED_OUT) !== null; } catch { return true; }
};
addEventListener("storage", (event) => { if (event.key === null || (event.key === SIGNED_OUT && event.newValue)) isOver = true; });

// The server has taken a save of this very user again.
export function reopen() {
  isOver = false;
  forget(SIGNED_OUT);
}

// Keep this text; false when the browser has no room or keeps nothing.
export function keep(owner, draft, copy) {
  if (isClosed() || copy.text.length > MOST_CHARS) return false;
  const value = JSON.stringify({ ...copy, at: Date.now() });
  const key = keyOf(owner, draft);
  for (let tries = 0; tries < 4; tries += 1) {
    try {
      localStorage.setItem(key, value);
      return true;
    } catch {
      const oldest = keys().filter((one) => one !== key).map(parse).filter(Boolean).sort((a, b) => a.at - b.at)[0];
      if (!oldest) return false;
      localStorage.removeItem(oldest.key);
    }
  }
  return false;
}

export function drop(owner, draft) {
  forget(keyOf(owner, draft));
}

export function forget(key) {
  try { localStorage.removeItem(key); } catch { /* a browser that keeps nothing has nothing to forget */ }
}

// What other pages have kept of a draft, oldest first: those that died, and those that are still open elsewhere.
export function find(owner, draft) {
  try {
    const others = keys(`${PREFIX}${owner}:${draft}:`).filter((key) => key !== keyOf(owner, draft));
    return others.map(parse).filter(Boolean).sort((a, b) => a.at - b.at);
  } catch {
    return [];
  }
}

// Calls back when another page has settled what it kept under this key.
export function onSettled(key, act) {
  addEventListener("storage", (event) => { if ((event.key === key && event.newValue === null) || event.key === null) act(); });
}

// Somebody signs out: everything goes, and nothing more is kept until somebody signs in.
function dropAll() {
  try {
    for (const key of keys()) localStorage.removeItem(key);
    localStorage.setItem(SIGNED_OUT, String(Date.now()));
  } catch { /* nothing is kept here */ }
}

function tidy(owner) {
  try {
    localStorage.removeItem(SIGNED_OUT);
    for (const key of keys()) {
      const copy = parse(key);
      if (!copy || !key.startsWith(`${PREFIX}${owner}:`) || copy.at < Date.now() - KEPT_MS) localStorage.removeItem(key);
      else if (copy.leaving) settle(copy, key);
    }
  } catch { /* nothing is kept here */ }
}

// It was being sent when the page was left: when its draft is gone, it has been.
async function settle(copy, key) {
  try {
    const answer = await fetch(copy.state, { credentials: "same-origin", redirect: "manual" });
    const said = answer.ok ? await answer.json() : null;
    if (said && !Object.keys(said.drafts).length) forget(key);
  } catch { /* asked again at the next page */ }
}

document.addEventListener("submit", (event) => {
  if (event.target.matches('form[action*="logout"]')) dropAll();
}, true);

// In a list of drafts: those of which this device has text that the server has not.
function mark() {
  const listed = document.querySelector("[data-unsaved]");
  if (!listed || !user) return;
  const kept = new Set(keys(`${PREFIX}${user}:`).filter((key) => !parse(key)?.leaving).map((key) => key.split(":")[2]));
  for (const chip of document.querySelectorAll("[data-unsaved]")) chip.hidden = !kept.has(chip.closest("[id^=row-]").id.slice(4));
}
document.addEventListener("htmx:afterSettle", mark);
addEventListener("storage", mark);

const user = document.body.dataset.user;
if (user) tidy(user);
else if (isClosed()) dropAll();
mark();
