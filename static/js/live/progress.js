// A first synchronisation: how long it will take, once it has been seen for ten seconds, and a word at each quarter.
import { say } from "../status.js";
import { t, tn } from "../words.js";

const LEAST_MS = 10_000;
const WINDOW_MS = 120_000; // only how quick it went lately says how it will go on
const MINUTE_MS = 60_000;
const samples = new Map(); // account -> [{ at, done }, …]
const spoken = new Map(); // account -> quarters that were spoken of

function estimate(known, total) {
  const [first, last] = [known[0], known.at(-1)];
  const elapsed = last.at - first.at;
  if (elapsed < LEAST_MS || last.done <= first.done) return "";
  const left = ((total - last.done) * elapsed) / (last.done - first.done);
  const minutes = Math.round(left / MINUTE_MS);
  if (minutes < 1) return t("less than a minute");
  if (minutes < 120) return tn("about {n} min", "about {n} min", minutes);
  return tn("about {n} hour", "about {n} hours", Math.round(minutes / 60));
}

function look() {
  for (const bar of document.querySelectorAll("[data-first-sync]")) {
    const { firstSync: account, name } = bar.dataset;
    const [done, total] = [Number(bar.dataset.done), Number(bar.dataset.total)];
    const key = `${account} ${name}`;
    const known = samples.get(key) ?? [];
    const at = performance.now();
    if (known.at(-1)?.done !== done) known.push({ at, done });
    while (known.length > 2 && at - known[0].at > WINDOW_MS) known.shift();
    samples.set(key, known);
    const words = estimate(known, total);
    const place = bar.querySelector("[data-estimate]");
    if (place) place.textContent = words && ` – ${words}`;
    speak(key, name, Math.floor((4 * done) / total));
  }
}

function speak(key, name, quarters) {
  const before = spoken.get(key);
  spoken.set(key, quarters);
  if (before === undefined || quarters <= before || quarters >= 4) return;
  say(t("{name}: {percent} % are here", { name, percent: quarters * 25 }));
}

for (const name of ["pillarbox:renewed", "htmx:afterSettle", "htmx:oobAfterSwap"]) document.addEventListener(name, look);
look();
