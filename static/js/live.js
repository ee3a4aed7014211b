// Live updates: the server tells that something changed, the page renews its list and counts. Nothing here moves the focus,
// the selection or the scroll place (morph.js keeps them).
const DEBOUNCE_MS = 150;
const LONGEST_MS = 1_000; // while a first sync tells of changes without pause

let timer = 0;
let firstAt = 0;
let isBusy = false;
let isWanted = false;

const place = () => {
  const address = new URL(document.getElementById("acts-list")?.value ?? location.href, location.href);
  address.searchParams.delete("t");
  const open = document.querySelector("#reading .thread")?.dataset.id;
  const rows = document.querySelectorAll("#rows > .row:not(.row--draft)").length;
  if (rows > 50) address.searchParams.set("rows", String(rows));
  return { address: address.pathname + address.search, open };
};

async function renew() {
  const list = document.getElementById("list");
  if (!list) return;
  if (isBusy) { isWanted = true; return; }
  isBusy = true;
  firstAt = 0;
  const { address } = place();
  try {
    await window.htmx.ajax("GET", address, { target: "#list", swap: "morph" });
  } finally {
    isBusy = false;
    if (isWanted) { isWanted = false; later(); }
  }
}

function later() {
  const now = performance.now();
  firstAt ||= now;
  clearTimeout(timer);
  timer = setTimeout(renew, now - firstAt > LONGEST_MS ? 0 : DEBOUNCE_MS);
}

function title() {
  const list = document.getElementById("list");
  if (!list || document.querySelector("#reading .thread")) return;
  const unread = Number(list.dataset.unread);
  document.title = `${unread ? `(${unread.toLocaleString("en")}) ` : ""}${list.dataset.title} – Pillarbox`;
}
document.addEventListener("htmx:afterSettle", title);

// Dates go stale: once a minute and when the page is looked at again.
setInterval(() => { if (!document.hidden) later(); }, 60_000);

// Other parts of a page renew themselves at this event: hx-trigger="pillarbox-change from:document".
function tell() {
  later();
  document.dispatchEvent(new CustomEvent("pillarbox-change"));
}

function listen() {
  const source = new EventSource("/events");
  let wasLost = false;
  source.addEventListener("change", tell);
  source.addEventListener("open", () => { if (wasLost) tell(); wasLost = false; });
  source.addEventListener("error", () => { wasLost = true; });
  addEventListener("pagehide", () => source.close(), { once: true });
  addEventListener("pageshow", (event) => { if (event.persisted) { listen(); tell(); } }, { once: true });
}

if (document.body.hasAttribute("data-user") && document.querySelector("#list, [data-live], [data-follow]")) listen();
