// The height of a message's frame. Nobody can look into it: it is of an opaque origin and runs nothing. So a twin of the same
// document, of the same width, out of sight and out of reach, tells how large it is; only that one script of ours runs in it.
const MAX_HEIGHT = 20_000; // px; beyond it the frame scrolls (security R8)
const LEAST_SCALE = 0.7;
const twins = new Map(); // the window of a twin → its holder

function begin(holder) {
  if (holder.dataset.begun) return;
  holder.dataset.begun = "1";
  const frame = holder.querySelector(".message__frame");
  const twin = document.createElement("iframe");
  twin.className = "message__twin";
  twin.setAttribute("sandbox", "allow-scripts");
  twin.setAttribute("aria-hidden", "true");
  twin.tabIndex = -1;
  twin.referrerPolicy = "no-referrer";
  twin.src = frame.dataset.twin;
  holder.append(twin);
  twins.set(twin.contentWindow, holder);
}

// `width`: what the document needs, `height`: what it takes at the width it has; CSS pixels.
function fit(holder, { width, height }) {
  const room = holder.clientWidth;
  if (!room) return;
  const needed = Math.max(width, room);
  const scale = Math.max(LEAST_SCALE, room / needed);
  holder.style.setProperty("--frame-width", `${Math.ceil(needed > room ? room / scale : room)}px`);
  holder.style.setProperty("--frame-scale", scale);
  holder.style.setProperty("--frame-height", `${Math.min(Math.ceil(height), MAX_HEIGHT)}px`);
  holder.classList.toggle("is-scaled", scale < 1);
  holder.classList.toggle("is-wide", room / needed < LEAST_SCALE);
  holder.classList.add("is-measured");
}

const isNumber = (value) => Number.isFinite(value) && value >= 0;

window.addEventListener("message", (event) => {
  const holder = twins.get(event.source);
  if (!holder || event.origin !== "null") return;
  if (!holder.isConnected) { twins.delete(event.source); return; }
  const { width, height } = event.data ?? {};
  if (isNumber(width) && isNumber(height)) fit(holder, { width, height });
});

// Only what comes near the reader's eyes is laid out twice.
const near = new IntersectionObserver((entries) => {
  for (const entry of entries) if (entry.isIntersecting) { near.unobserve(entry.target); begin(entry.target); }
}, { rootMargin: "600px" });

function findAll() {
  for (const [source, holder] of twins) if (!holder.isConnected) twins.delete(source);
  for (const holder of document.querySelectorAll('[data-behaviour~="frame"]:not([data-begun])')) near.observe(holder);
}

document.addEventListener("htmx:afterSettle", findAll);
findAll();
