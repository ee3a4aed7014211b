// Speaks to people who hear the page, and marks requests that take longer than a moment.

export function say(text, { urgent = false } = {}) {
  const region = document.getElementById(urgent ? "alert" : "status");
  if (!region) return;
  region.textContent = "";
  requestAnimationFrame(() => { region.textContent = text; });
}

let running = 0;
const show = () => document.getElementById("busy")?.classList.toggle("is-on", running > 0);

// Polls and renewals in the background are nobody's wait.
const isQuiet = (event) => !event.detail.requestConfig?.triggeringEvent;

document.addEventListener("htmx:beforeRequest", (event) => { if (!isQuiet(event)) { running += 1; show(); } });
document.addEventListener("htmx:afterRequest", (event) => { if (!isQuiet(event)) { running = Math.max(0, running - 1); show(); } });
