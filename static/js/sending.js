// What is under way: seconds count down while it can be taken back, then its toast asks the server how it went. The server's
// time decides; the seconds only show what it said.
const TICK_MS = 250;
const ASK_MS = [800, 1_200, 2_000, 3_000]; // the server also tells (live.js): this is for when it cannot
const LONGEST_ASK_MS = 5_000;
const AFTER_FAILURE_MS = 15_000;

// Countdowns: data-countdown holds the seconds that were left when the server wrote it.
const ends = new WeakMap();

function endOf(node) {
  const known = ends.get(node);
  if (known && known.said === node.dataset.countdown) return known.at;
  const at = performance.now() + Number(node.dataset.countdown) * 1_000;
  ends.set(node, { said: node.dataset.countdown, at });
  return at;
}

function tick() {
  for (const node of document.querySelectorAll("[data-countdown]")) {
    const left = Math.max(0, Math.ceil((endOf(node) - performance.now()) / 1_000));
    if ("bare" in node.dataset) {
      if (node.textContent !== String(left)) node.textContent = String(left);
      if (!left) ask(node.closest("[data-follow]"));
    } else if (left) {
      node.textContent = node.textContent.replace(/\d+/, String(left));
    } else if (node.textContent !== node.dataset.over) {
      node.textContent = node.dataset.over;
    }
  }
}

// Following: the toast is replaced by what the server answers, until that has nothing left to follow.
let asked = 0;
let timer = 0;

function ask(toast) {
  if (!toast || toast.dataset.asking) return;
  toast.dataset.asking = "1";
  renew(toast);
}

async function renew(toast) {
  clearTimeout(timer);
  if (!toast.isConnected) return;
  try {
    const answer = await fetch(toast.dataset.follow, { credentials: "same-origin", redirect: "error" });
    if (answer.status === 404) { toast.remove(); return; }
    if (!answer.ok) throw new Error(String(answer.status));
    put(toast, await answer.text());
  } catch {
    delete toast.dataset.asking;
    timer = setTimeout(() => ask(toast), AFTER_FAILURE_MS);
  }
}

function put(toast, html) {
  const fresh = new DOMParser().parseFromString(html, "text/html").querySelector(".toast");
  if (!fresh || !toast.isConnected) return;
  const hadFocus = toast.contains(document.activeElement);
  toast.replaceWith(fresh);
  if (hadFocus) fresh.querySelector("button:not([hidden]), a")?.focus();
  document.dispatchEvent(new CustomEvent("toast:renewed"));
  follow(fresh);
}

function follow(toast) {
  if (!toast.dataset.follow || toast.querySelector("[data-countdown]")) return;
  const wait = ASK_MS[asked] ?? LONGEST_ASK_MS;
  asked += 1;
  timer = setTimeout(() => ask(toast), wait);
}

function current() {
  return document.querySelector(".toast[data-follow]");
}

document.addEventListener("pillarbox-change", () => {
  const toast = current();
  if (toast && !toast.querySelector("[data-countdown]")) ask(toast);
});

setInterval(tick, TICK_MS);
const first = current();
if (first) follow(first);
