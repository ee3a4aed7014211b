// Speaks to people who hear the page, and marks requests that take longer than a moment.

const LEAST_MS = 10_000; // between two lines about new mail
const spokenAt = new Map();

// `channel`: lines of one kind, such as "mail", come no more often than each ten seconds; those between are left out.
export function say(text, { urgent = false, channel = "" } = {}) {
  const region = document.getElementById(urgent ? "alert" : "status");
  if (!region) return;
  const now = performance.now();
  if (channel && now - (spokenAt.get(channel) ?? -LEAST_MS) < LEAST_MS) return;
  spokenAt.set(channel, now);
  region.textContent = "";
  requestAnimationFrame(() => { region.textContent = text; });
}

let running = 0;
const show = () => document.getElementById("busy")?.classList.toggle("is-on", running > 0);

// Polls and renewals in the background are nobody's wait.
const isQuiet = (event) => !event.detail.requestConfig?.triggeringEvent;

document.addEventListener("htmx:beforeRequest", (event) => { if (!isQuiet(event)) { running += 1; show(); } });
document.addEventListener("htmx:afterRequest", (event) => { if (!isQuiet(event)) { running = Math.max(0, running - 1); show(); } });
