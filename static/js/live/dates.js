// Dates go stale: "5 min ago" each minute, "14:10" at midnight, when the day of a list changes.
import { tn } from "../words.js";
import { renewSoon } from "./renewal.js";

const MINUTE_MS = 60_000;
const HOUR_MIN = 60;

// data-ago: what the words are about. Longer than an hour ago the server's words stay until it renews them.
const WORDS = {
  checked: (minutes) => tn("Last checked {n} min ago", "Last checked {n} min ago", minutes),
  "": (minutes) => tn("{n} minute ago", "{n} minutes ago", minutes),
};

function refresh() {
  for (const node of document.querySelectorAll("time[data-ago]")) {
    const minutes = Math.floor((Date.now() - Date.parse(node.dateTime)) / MINUTE_MS);
    const words = WORDS[node.dataset.ago];
    if (!words || minutes < 1 || minutes >= HOUR_MIN) continue;
    const text = words(minutes);
    if (node.textContent !== text) node.textContent = text;
  }
}

let day = new Date().toDateString();

function look() {
  refresh();
  const today = new Date().toDateString();
  if (today === day) return;
  day = today;
  renewSoon();
  document.dispatchEvent(new CustomEvent("pillarbox-change"));
}

setInterval(() => { if (!document.hidden) look(); }, MINUTE_MS);
document.addEventListener("visibilitychange", () => { if (!document.hidden) look(); });
(function atMidnight() {
  const next = new Date();
  next.setHours(24, 0, 1, 0);
  setTimeout(() => { look(); atMidnight(); }, next - Date.now());
})();
