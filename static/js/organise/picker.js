// The picker: a dialog with a filter box over mailboxes, labels or places. Recent targets stand first; arrows walk, Enter acts,
// Ctrl+Enter keeps it open for another label, Esc closes. Focus returns to where it was.
import { openThread, rowOf } from "../list/list.js";
import { perform } from "../list/acts.js";
import { allMatching, selectedIds } from "../list/selection.js";
import { listAddress } from "../list/dom.js";
import { showToast } from "../toasts.js";
import { t } from "../words.js";
import { drawLine, fold, matching } from "./picker_lines.js";

const MARKED = 50; // rows whose labels are asked for; more make the address long
const titles = {
  move: () => t("Move to"), copy: () => t("Copy to"), label: () => t("Label"), goto: () => t("Go to"),
};

let state = null; // { kind, ids, answer, lines, at, before, early }
const part = (name) => document.getElementById(name ? `picker-${name}` : "picker");

function meantIds() {
  const selected = selectedIds();
  if (selected.length) return selected;
  const id = rowOf(document.activeElement)?.dataset.id ?? openThread()?.dataset.id;
  return id ? [id] : [];
}

// openPicker("move" | "copy" | "label" | "goto", { ids }): false when there is nothing to choose for.
export function openPicker(kind, { ids } = {}) {
  const dialog = part("");
  const isAllMeant = !ids && allMatching();
  const meant = ids ?? (isAllMeant ? [] : meantIds());
  if (!dialog || !titles[kind] || (kind !== "goto" && !meant.length && !isAllMeant)) return false;
  state = { kind, ids, meant, answer: null, lines: [], at: 0, before: document.activeElement, early: null };
  part("title").textContent = titles[kind]();
  part("input").value = "";
  part("list").replaceChildren();
  part("input").removeAttribute("aria-activedescendant");
  part("foot").textContent = kind === "label" ? t("Enter gives or takes off the label, Ctrl+Enter keeps this open") : "";
  if (!dialog.open) dialog.showModal();
  part("input").focus();
  load(state);
  return true;
}

async function load(of) {
  const query = new URLSearchParams({ kind: of.kind, list: listAddress() });
  for (const id of of.meant.slice(0, MARKED)) query.append("ids", id);
  part("empty").textContent = t("Loading");
  try {
    const response = await fetch(`/mail/targets?${query}`, { credentials: "same-origin", headers: { Accept: "application/json" } });
    if (!response.ok) throw new Error(String(response.status));
    const answer = await response.json();
    if (state !== of) return;
    of.answer = answer;
    draw();
    if (of.early) choose(of.at, of.early);
  } catch {
    if (state === of) part("empty").textContent = t("The list cannot be loaded now. Close this and try again.");
  }
}

function draw() {
  const { answer, kind } = state;
  if (!answer) return;
  const typed = part("input").value.trim();
  const found = matching(answer.targets, typed);
  const isNew = answer.can_create && typed && !answer.targets.some((target) => fold(target.name) === fold(typed));
  if (isNew) {
    const name = kind === "label" ? t("Create label “{name}”", { name: typed }) : t("Create mailbox “{name}”", { name: typed });
    found.push({ value: `new=${encodeURIComponent(typed)}`, name, icon: "plus", isNew: true });
  }
  state.lines = found;
  state.at = Math.min(state.at, Math.max(found.length - 1, 0));
  part("list").replaceChildren(...found.map((target, index) => drawLine(target, index, answer.icons, { isFlat: Boolean(typed) })));
  part("empty").textContent = found.length ? "" : t("Nothing of this name");
  point();
}

function point() {
  const options = [...part("list").children];
  for (const [index, option] of options.entries()) option.setAttribute("aria-selected", String(index === state.at));
  const now = options[state.at];
  if (now) part("input").setAttribute("aria-activedescendant", now.id);
  else part("input").removeAttribute("aria-activedescendant");
  now?.scrollIntoView({ block: "nearest" });
}

function walk(by) {
  const count = state.lines.length;
  if (count) state.at = (state.at + by + count) % count;
  point();
}

function choose(index, { stays = false } = {}) {
  // Who types faster than the list comes gets what they chose when it is here.
  if (state && !state.answer) { state.early = { stays }; return; }
  const target = state?.lines[index];
  if (!target) return;
  const { kind, ids } = state;
  if (kind === "goto") { close(); window.location.assign(target.address); return; }
  const isOff = kind === "label" && target.state === "all";
  if (!stays || kind !== "label") close();
  else { target.state = isOff ? "" : "all"; part("input").value = ""; draw(); part("input").focus(); }
  const done = perform(isOff ? "unlabel" : kind, { ids, target: target.value });
  if (!done) showToast(t("Select at least one message first."), "warn");
}

function close() {
  const back = state?.before;
  state = null;
  part("").close();
  if (back?.isConnected && back !== document.body) back.focus({ preventScroll: true });
}

document.addEventListener("input", (event) => {
  if (event.target.id !== "picker-input" || !state) return;
  state.at = 0;
  state.early = null;
  draw();
});

document.addEventListener("keydown", (event) => {
  if (!state || !part("").contains(event.target)) return;
  const moves = { ArrowDown: 1, ArrowUp: -1, PageDown: 8, PageUp: -8 };
  if (event.key in moves) walk(moves[event.key]);
  else if (event.key === "Enter" && !event.isComposing) choose(state.at, { stays: event.ctrlKey || event.metaKey });
  else if (event.key === "Escape") close();
  else { event.stopPropagation(); return; } // typing is no command of the page
  event.preventDefault();
  event.stopPropagation();
}, true);

document.addEventListener("click", (event) => {
  const option = event.target.closest?.("#picker-list > [role=option]");
  if (option && state) choose(Number(option.dataset.index), { stays: event.ctrlKey || event.metaKey });
  else if (event.target.id === "picker" && state) close(); // the backdrop
  const button = event.target.closest?.("[data-picker]");
  if (!button) return;
  const held = [...(button.closest("form")?.querySelectorAll('input[type="hidden"][name="ids"]') ?? [])].map((node) => node.value);
  event.preventDefault();
  event.stopPropagation();
  openPicker(button.dataset.picker, held.length ? { ids: held } : {});
}, true);

document.addEventListener("cancel", (event) => {
  if (event.target.id === "picker" && state) { event.preventDefault(); close(); }
}, true);
