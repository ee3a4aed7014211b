// The palette: any command, mailbox, label, account, saved search, settings page or person by a few letters. A combobox with a
// listbox; Enter acts, Ctrl+Enter opens a place in a new tab, Esc closes and the focus is where it was.
import { t } from "../words.js";
import { build, icon, keyMarks } from "./build.js";
import { run } from "./commands.js";
import { keymap } from "./map.js";
import { placesFrom, recentIds, remember, whatThereIs } from "./palette_entries.js";
import { best, folded } from "./rank.js";
import { isMac } from "./strokes.js";

const SHOWN = 12;
let entries = [];
let shown = [];
let at = 0;

const dialog = () => document.getElementById("palette");
const box = () => dialog().querySelector("[role=combobox]");
const list = () => dialog().querySelector("[role=listbox]");

export function openPalette({ kind = "" } = {}) {
  const palette = dialog();
  if (!palette || palette.open) return false;
  palette.dataset.kind = kind;
  entries = whatThereIs(keymap(), []);
  palette.showModal();
  box().value = "";
  box().focus();
  find();
  placesFrom(palette.dataset.address).then((places) => {
    entries = whatThereIs(keymap(), places);
    if (palette.open) find();
  }).catch(() => { palette.querySelector("[data-role=none]").textContent = t("Mailboxes and people cannot be had just now."); });
  return true;
}

function find() {
  const kind = dialog().dataset.kind;
  const wanted = kind ? entries.filter((entry) => entry.kind === kind) : entries;
  shown = best(wanted, folded(box().value), recentIds(), SHOWN);
  list().replaceChildren(...shown.map(option));
  dialog().querySelector("[data-role=none]").hidden = shown.length > 0;
  mark(0);
}

function option(entry, place) {
  const end = entry.keys?.length ? build("span", { class: "palette__keys" }, ...keyMarks(entry.keys[0])) : build("span", { class: "palette__kind" }, entry.label);
  const name = build("span", { class: "palette__name" }, build("bdi", {}, entry.name));
  const note = entry.note ? [build("span", { class: "palette__note" }, build("bdi", {}, entry.note))] : [];
  return build("div", { class: "palette__option", role: "option", id: `palette-${place}`, "aria-selected": "false", "data-place": place }, icon(entry.icon), name, ...note, end);
}

function mark(place) {
  const options = [...list().children];
  at = options.length ? (place + options.length) % options.length : -1;
  for (const [index, one] of options.entries()) one.setAttribute("aria-selected", String(index === at));
  options[at]?.scrollIntoView({ block: "nearest" });
  if (at < 0) box().removeAttribute("aria-activedescendant");
  else box().setAttribute("aria-activedescendant", `palette-${at}`);
}

function choose(entry, { tab = false } = {}) {
  if (!entry) return;
  remember(entry.id);
  dialog().close();
  if (entry.address && tab) window.open(entry.address, "_blank", "noopener");
  else if (entry.address) location.assign(entry.address);
  else run(entry.command);
}

const MOVES = { ArrowDown: () => at + 1, ArrowUp: () => at - 1, PageDown: () => Math.min(at + 5, shown.length - 1), PageUp: () => Math.max(at - 5, 0) };

document.addEventListener("keydown", (event) => {
  if (!event.target.closest?.("#palette")) return;
  if (MOVES[event.key]) { event.preventDefault(); mark(MOVES[event.key]()); }
  else if (event.key === "Enter" && !event.isComposing) {
    event.preventDefault();
    choose(shown[at], { tab: isMac ? event.metaKey : event.ctrlKey });
  }
});
document.addEventListener("input", (event) => { if (event.target.closest?.("#palette")) find(); });
document.addEventListener("click", (event) => {
  const chosen = event.target.closest?.("#palette [role=option]");
  if (chosen) choose(shown[Number(chosen.dataset.place)], { tab: event.ctrlKey || event.metaKey });
  if (event.target.closest?.('[data-command="palette"]')) openPalette();
});
// The browser gives the focus back to what had it; a menu that has closed since cannot take it.
document.addEventListener("close", (event) => {
  if (event.target.id === "palette" && document.activeElement === document.body) document.getElementById("main")?.focus({ preventScroll: true });
}, true);
