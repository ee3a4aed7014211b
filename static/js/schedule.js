// When to send: the menu of times is renewed as it opens, and a key sends and archives. Also tells the server the browser's
// zone, in which times are shown to people who have chosen none.
const YEAR_S = 31_536_000;

const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
if (zone) document.cookie = `zone=${encodeURIComponent(zone)}; path=/; max-age=${YEAR_S}; SameSite=Lax`;

document.addEventListener("toggle", async (event) => {
  const menu = event.target;
  if (!(menu instanceof HTMLDetailsElement) || !menu.open || !menu.dataset.times) return;
  const place = menu.querySelector("[data-presets]");
  try {
    const answer = await fetch(menu.dataset.times, { credentials: "same-origin", redirect: "error" });
    if (!answer.ok || !place || place.contains(document.activeElement)) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("[data-presets]");
    if (fresh) place.replaceChildren(...fresh.childNodes);
  } catch {
    // Without an answer the times stay as they were: one that has passed is refused with words.
  }
}, true);

document.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || !event.shiftKey || !(event.ctrlKey || event.metaKey)) return;
  const form = event.target.closest?.('[data-behaviour="compose"]');
  const button = form?.querySelector('button[value="send_archive"]');
  if (!button) return;
  event.preventDefault();
  event.stopPropagation();
  form.requestSubmit(button);
}, true);
