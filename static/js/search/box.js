// The search box: suggestions while typing (a combobox with a listbox), Enter runs, Esc clears and then leaves, Tab completes.
import { fetchPart, putPart } from "../list/fetching.js";
import { currentRow, focusRow } from "../list/list.js";
import { say } from "../status.js";
import { t } from "../words.js";

const WAIT_MS = 60; // between a letter and the question

const box = document.getElementById("q");
const form = box?.closest('[data-behaviour="search"]');
const sheet = document.getElementById("q-suggest");

let asked = null; // what cancels the question under way
let timer = 0;
let active = null; // the option that the arrows are at

const options = () => [...sheet.querySelectorAll('[role="option"]')];
const isOpen = () => !sheet.hidden;

function mark(option) {
  active?.setAttribute("aria-selected", "false");
  active = option ?? null;
  active?.setAttribute("aria-selected", "true");
  active?.scrollIntoView({ block: "nearest" });
  if (active) box.setAttribute("aria-activedescendant", active.id);
  else box.removeAttribute("aria-activedescendant");
}

function show(on) {
  sheet.hidden = !on;
  box.setAttribute("aria-expanded", String(on));
  form.classList.toggle("is-open", on);
  if (!on) mark(null);
}

function close() {
  clearTimeout(timer);
  asked?.abort();
  show(false);
}

async function ask() {
  asked?.abort();
  asked = new AbortController();
  const address = new URL(form.dataset.suggest, location.href);
  address.searchParams.set("q", box.value);
  address.searchParams.set("at", String(box.selectionStart ?? box.value.length));
  try {
    const text = await fetchPart(address.pathname + address.search, { target: "q-suggest", signal: asked.signal });
    if (document.activeElement !== box) return;
    putPart("q-suggest", text, "innerHTML");
    active = null;
    mark(null);
    show(options().length > 0);
  } catch { /* Suggestions are a help: without them the box works as it is. */ }
}

function askSoon() {
  clearTimeout(timer);
  timer = setTimeout(ask, WAIT_MS);
}

// What the option says becomes the query; one that is whole runs.
function take(option) {
  box.value = option.dataset.q;
  if ("runs" in option.dataset) { close(); form.requestSubmit(); return; }
  mark(null);
  const caret = Number(option.dataset.caret);
  box.focus();
  box.setSelectionRange(caret, caret);
  ask();
}

function walk(by) {
  const all = options();
  if (!isOpen() || !all.length) { ask(); return; }
  const at = all.indexOf(active) + by;
  mark(at < 0 || at >= all.length ? (active ? null : all.at(-1)) : all[at]);
}

// The option at hand, else the first operator that goes on as what was typed.
const completion = () => active ?? options().find((one) => !("runs" in one.dataset) && one.dataset.q[Number(one.dataset.caret) - 1] === ":");

function leave() {
  close();
  const row = currentRow();
  if (row) focusRow(row);
  else box.blur();
}

const KEYS = {
  ArrowDown: () => walk(1),
  ArrowUp: () => walk(-1),
  Enter: () => { if (!active) return false; take(active); return true; },
  Tab: () => {
    const option = isOpen() && box.value.trim() ? completion() : null;
    if (!option || "runs" in option.dataset) return false;
    take(option);
    return true;
  },
  Escape: () => {
    if (!box.value) { leave(); return true; }
    box.value = "";
    ask();
    return true;
  },
};

function start() {
  for (const [name, value] of Object.entries({ role: "combobox", "aria-autocomplete": "list", "aria-haspopup": "listbox", "aria-controls": "q-suggest", "aria-expanded": "false" })) box.setAttribute(name, value);
  box.addEventListener("input", () => { box.removeAttribute("aria-invalid"); document.getElementById("q-fault")?.remove(); mark(null); askSoon(); });
  box.addEventListener("focus", () => { if (!box.hasAttribute("aria-invalid")) askSoon(); });
  box.addEventListener("keydown", (event) => {
    if (event.isComposing || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
    if (event.key in KEYS && KEYS[event.key]() !== false) event.preventDefault();
  });
  form.addEventListener("focusout", (event) => { if (!form.contains(event.relatedTarget)) close(); });
  // The box keeps the focus while something below is pressed.
  sheet.addEventListener("mousedown", (event) => event.preventDefault());
  sheet.addEventListener("click", (event) => {
    const option = event.target.closest('[role="option"]');
    if (option) take(option);
    const button = event.target.closest("[data-forget]");
    if (button) forget(button.dataset.forget);
  });
  form.addEventListener("submit", () => {
    close();
    form.classList.add("is-searching");
    const heading = document.getElementById("list-figure");
    if (heading) heading.textContent = t("Searching …");
    say(t("Searching …"));
  });
  addEventListener("pageshow", () => form.classList.remove("is-searching"));
  if (box.hasAttribute("aria-invalid")) editFrom(Number(box.dataset.begin), Number(box.dataset.end));
}

function forget(address) {
  window.htmx.ajax("POST", address, { source: box, target: "#q-suggest", swap: "innerHTML", values: { q: box.value } })
    .then(() => { mark(null); show(options().length > 0); });
}

// Put the caret on a part of the query.
export function editFrom(begin, end) {
  box.focus();
  box.setSelectionRange(begin, end);
}

if (box && form && sheet) start();
