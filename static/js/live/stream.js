// One connection to /events for all tabs of a browser: the tab that holds the lock listens and tells the others. Where there are
// no locks, each tab listens by itself. Every event names a position of the mail; who knows it already does nothing.
// Events on document: pillarbox:changed (something of the mail is new), pillarbox:link {isUp}, pillarbox:session-ended.
const user = document.body.dataset.user ?? "";
const LOCK = `pillarbox:events:${user}`;
const FIRST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 60_000;
const TICK_MS = 15_000;
const ASLEEP_MS = 60_000; // a tick that comes this late means that the machine slept

const channel = user && "BroadcastChannel" in window ? new BroadcastChannel(`pillarbox:live:${user}`) : null;
const listeners = new Map();
let position = document.getElementById("sync-state")?.dataset.position ?? "";
let source = null;
let release = null;
let timer = 0;
let fails = 0;
let isUp = true;
let leads = false;

export const isLeader = () => leads;
export const positionNow = () => position;

// Words between tabs of one person: post(kind, data) reaches the others, onPost(kind, listener) hears them.
export const post = (kind, data = {}) => channel?.postMessage({ kind, ...data });
export const onPost = (kind, listener) => listeners.set(kind, listener);

const emit = (name, detail = {}) => document.dispatchEvent(new CustomEvent(name, { detail }));
const shown = () => document.getElementById("sync-state")?.dataset.position; // as of the last renewal

// The mail stands at `at`: renew what is shown unless it is that already.
function take(at) {
  if (!at || at === position) return;
  const isFirst = !position;
  const before = position;
  position = at;
  if (!isFirst && at !== shown()) emit("pillarbox:changed", { before });
}

function setLink(up) {
  if (up === isUp) return;
  isUp = up;
  emit("pillarbox:link", { isUp });
  if (leads) post("link", { isUp });
}

function end() {
  stop();
  emit("pillarbox:session-ended");
}

function connect() {
  clearTimeout(timer);
  source?.close();
  source = new EventSource(`/events?since=${encodeURIComponent(position)}`);
  const hear = (event) => {
    take(event.lastEventId);
    post("position", { at: event.lastEventId, isUp: true });
  };
  source.addEventListener("state", hear);
  source.addEventListener("change", (event) => {
    // Something to show came without a change of the position: a body, a check of a sender.
    if (event.lastEventId === position) { emit("pillarbox:changed", { before: position }); post("nudge"); }
    hear(event);
  });
  source.addEventListener("open", () => { fails = 0; setLink(true); });
  source.addEventListener("error", retry);
}

// The browser's own tries have no jitter and end at the first refusal: these are ours.
async function retry() {
  source?.close();
  source = null;
  clearTimeout(timer);
  fails += 1;
  try {
    const answer = await fetch("/session", { credentials: "same-origin", cache: "no-store" });
    if (answer.status === 403) { post("ended"); end(); return; }
    setLink(answer.ok);
  } catch {
    setLink(false);
  }
  const wait = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** (fails - 1));
  timer = setTimeout(connect, wait * (0.5 + Math.random() / 2));
}

function stop() {
  clearTimeout(timer);
  source?.close();
  source = null;
  leads = false;
  release?.();
  release = null;
}

export function start() {
  if (!user) return;
  const lead = () => new Promise((done) => { release = done; leads = true; connect(); });
  if (navigator.locks && channel) {
    const aborter = new AbortController();
    release = () => aborter.abort();
    navigator.locks.request(LOCK, { signal: aborter.signal }, lead).catch(() => {}); // given up while it waited
    post("ask");
  } else {
    leads = true;
    connect();
  }
}

// Look at once: after sleep, when the network is back, after signing in again.
export function lookNow() {
  fails = 0;
  if (leads) connect();
  else post("look");
}

channel?.addEventListener("message", ({ data }) => {
  if (data.kind === "position") { setLink(data.isUp); take(data.at); }
  else if (data.kind === "nudge") emit("pillarbox:changed", { before: position });
  else if (data.kind === "link") setLink(data.isUp);
  else if (data.kind === "ended") end();
  else if (data.kind === "ask" && leads && position) post("position", { at: position, isUp });
  else if (data.kind === "look" && leads) connect();
  listeners.get(data.kind)?.(data);
});

let tickedAt = Date.now();
setInterval(() => {
  const slept = Date.now() - tickedAt > ASLEEP_MS;
  tickedAt = Date.now();
  if (slept) lookNow();
}, TICK_MS);
addEventListener("online", lookNow);
addEventListener("offline", () => setLink(false));
addEventListener("pagehide", stop);
addEventListener("pageshow", (event) => { if (event.persisted) start(); });
