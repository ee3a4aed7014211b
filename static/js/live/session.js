// The session has ended while a page was open: a sheet over it leads to signing in, in a window of its own, so that nothing
// typed is lost. Afterwards the page goes on: its forms get new tokens, and what could not be done is done.
import { say } from "../status.js";
import { t } from "../words.js";
import { lookNow, onPost, post, start } from "./stream.js";

const ASK_MS = 2_000;
const BACK = "#signed-in";
const user = document.body.dataset.user ?? "";
let waiting = [];
let timer = 0;

const sheet = () => document.getElementById("session-sheet");

function element(name, properties, ...inside) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...inside);
  return made;
}

function sessionEnded() {
  // The composer says it in a bar of its own, which lets people write on and keeps what they write.
  if (!user || sheet() || document.querySelector('[data-behaviour~="compose"]')) return;
  const signIn = element("button", { type: "button", className: "button button--primary", textContent: t("Sign in") });
  signIn.onclick = () => window.open(`/accounts/login/?next=${encodeURIComponent(`/mail/inbox${BACK}`)}`, "pillarbox-sign-in", "width=520,height=720");
  const dialog = element(
    "dialog",
    { id: "session-sheet", className: "session-sheet" },
    element("h2", { id: "session-sheet-title", textContent: t("You are signed out") }),
    element("p", { textContent: t("Your session has ended. This page and what you typed stay as they are; sign in again and go on.") }),
    element("div", { className: "buttons buttons--end" }, signIn),
  );
  dialog.setAttribute("aria-labelledby", "session-sheet-title");
  dialog.addEventListener("cancel", (event) => event.preventDefault());
  document.body.append(dialog);
  dialog.showModal();
  say(t("You are signed out. Sign in again to go on."), { urgent: true });
  clearInterval(timer);
  timer = setInterval(look, ASK_MS);
}

async function look() {
  let answer;
  try {
    answer = await fetch("/session", { credentials: "same-origin", cache: "no-store" });
  } catch { return; }
  if (!answer.ok || !sheet()) return;
  const found = await answer.json();
  clearInterval(timer);
  if (found.user !== user) { location.reload(); return; }
  goOn(found.token);
}

function goOn(token) {
  document.body.setAttribute("hx-headers", JSON.stringify({ "X-CSRFToken": token }));
  for (const field of document.querySelectorAll('input[name="csrfmiddlewaretoken"]')) field.value = token;
  sheet()?.close();
  sheet()?.remove();
  start();
  lookNow();
  document.dispatchEvent(new CustomEvent("pillarbox:session-back"));
  const again = waiting;
  waiting = [];
  for (const { verb, path, values, source, target } of again) {
    delete values.csrfmiddlewaretoken;
    window.htmx.ajax(verb, path, { values, source: source?.isConnected ? source : undefined, target });
  }
}

// 401: our views say so to htmx when nobody is signed in.
addEventListener("htmx:beforeSwap", (event) => { if (event.detail.xhr.status === 401) event.detail.shouldSwap = false; }, true);
addEventListener("htmx:responseError", (event) => {
  const { xhr, requestConfig: asked, target, elt } = event.detail;
  if (xhr.status !== 401) return;
  event.stopImmediatePropagation();
  if (asked.triggeringEvent || asked.verb === "post") {
    waiting.push({ verb: asked.verb, path: asked.path, values: Object.fromEntries(asked.formData ?? []), source: elt, target });
  }
  sessionEnded();
}, true);
document.addEventListener("pillarbox:session-ended", sessionEnded);

// The window of the sign-in tells the others and goes.
onPost("signed-in", look);
if (user && location.hash === BACK) {
  post("signed-in");
  history.replaceState(history.state, "", location.pathname + location.search);
  if (window.opener) window.close();
}
