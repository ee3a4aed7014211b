// Without a network, or while our server does not answer: a bar says since when, what is done meanwhile waits (queue.js), and
// when the network is back it is sent and the page is renewed.
import { say } from "../status.js";
import { language, t, tn } from "../words.js";
import { enqueue, flush, mark, pending } from "./queue.js";
import { renewSoon } from "./renewal.js";
import { lookNow } from "./stream.js";

const ACT = "/mail/act";
const CLOCK = new Intl.DateTimeFormat(language, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
let since = null;
let isReachable = true;

function bar() {
  const found = document.getElementById("offline-bar");
  if (found) return found;
  const made = document.createElement("div");
  Object.assign(made, { id: "offline-bar", className: "offline-bar" });
  made.setAttribute("role", "status");
  made.append(document.createElement("span"));
  const button = document.createElement("button");
  Object.assign(button, { type: "button", textContent: t("Try now"), onclick: lookNow });
  made.append(button);
  document.body.append(made);
  return made;
}

function show() {
  const waiting = pending();
  if (since === null) {
    document.getElementById("offline-bar")?.remove();
    return;
  }
  const time = CLOCK.format(since);
  const state = navigator.onLine
    ? t("Pillarbox does not answer since {time}. Showing saved mail.", { time })
    : t("You are offline since {time}. Showing saved mail.", { time });
  const waits = waiting ? ` ${tn("{n} change waits.", "{n} changes wait.", waiting)}` : "";
  const line = bar().querySelector("span");
  if (line.textContent !== state + waits) line.textContent = state + waits;
}

async function look() {
  const isBack = isReachable && navigator.onLine;
  if (!isBack) {
    since ??= new Date();
    show();
    return;
  }
  const wasAway = since !== null;
  since = null;
  show();
  const hadWaiting = pending() > 0;
  if (hadWaiting) await flush();
  if (wasAway || hadWaiting) renewSoon();
  if (wasAway) say(t("You are online again."));
}

document.addEventListener("pillarbox:link", ({ detail }) => { isReachable = detail.isUp; look(); });
addEventListener("offline", look);
addEventListener("online", () => { isReachable = true; look(); });
document.addEventListener("pillarbox:queue", show);
document.addEventListener("pillarbox:session-back", look);

// An act that could not leave waits, whoever sent it through htmx: its toast of failure is not shown.
addEventListener("htmx:sendError", (event) => {
  const asked = event.detail.requestConfig;
  if (asked?.verb !== "post" || new URL(asked.path, location.href).pathname !== ACT) return;
  const fields = asked.formData ?? new URLSearchParams(asked.parameters);
  if (!enqueue(fields, ACT)) return;
  event.stopImmediatePropagation();
  if (navigator.onLine) lookNow();
  since ??= new Date();
  show();
}, true);

if (document.body.dataset.user) {
  mark();
  if (!navigator.onLine || pending()) look();
}
