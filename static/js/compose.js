// The page of a draft: saves itself every ten seconds while something changed, and before the page is left.
// A conflict or a lost draft stops saving: the server shows both versions at the next submit.
import { say } from "./status.js";

const EVERY_MS = 10_000;
const states = new WeakMap();

function stateOf(form) {
  if (!states.has(form)) states.set(form, { changed: false, saving: false, stopped: "conflict" in form.dataset, leaving: false });
  return states.get(form);
}

function show(form, text, bad = false) {
  const status = form.querySelector("[data-status]");
  status.textContent = text;
  status.classList.toggle("is-bad", bad);
}

function fields(form) {
  const data = new FormData(form);
  for (const name of ["files", "act", "remove"]) data.delete(name);
  return data;
}

async function save(form) {
  const state = stateOf(form);
  if (!state.changed || state.saving || state.stopped || state.leaving) return;
  state.saving = true;
  state.changed = false;
  show(form, form.dataset.saving);
  try {
    const answer = await fetch(form.dataset.save, { method: "POST", body: fields(form), credentials: "same-origin" });
    const body = await answer.json();
    if (answer.ok) {
      form.elements.revision.value = body.revision;
      show(form, `${form.dataset.saved} ${body.saved_at}`);
    } else {
      state.stopped = answer.status === 409 || answer.status === 410;
      state.changed = true;
      show(form, `${form.dataset.unsaved} ${body.message}`, true);
      say(body.message);
    }
  } catch {
    state.changed = true;
    show(form, `${form.dataset.unsaved} ${form.dataset.offline}`, true);
  }
  state.saving = false;
  state.done?.();
}

function current() {
  return document.querySelector('[data-behaviour="compose"]');
}

document.addEventListener("input", (event) => {
  const form = event.target.closest('[data-behaviour="compose"]');
  if (form && event.target.name !== "files") stateOf(form).changed = true;
});

document.addEventListener("submit", (event) => {
  const form = event.target.closest('[data-behaviour="compose"]');
  if (!form || event.defaultPrevented) return;
  const state = stateOf(form);
  if (state.leaving) {
    event.preventDefault();
    return;
  }
  if (state.saving) {
    // The revision of the save that is under way must be in the form first.
    event.preventDefault();
    const submitter = event.submitter;
    state.done = () => {
      state.done = null;
      form.requestSubmit(submitter);
    };
    return;
  }
  state.leaving = true;
});

document.addEventListener("keydown", (event) => {
  const form = event.target.closest?.('[data-behaviour="compose"]');
  if (!form || event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
  event.preventDefault();
  form.requestSubmit(form.querySelector('button[value="send"]'));
});

setInterval(() => {
  const form = current();
  if (form) save(form);
}, EVERY_MS);

document.addEventListener("visibilitychange", () => {
  const form = current();
  if (form && document.hidden) save(form);
});

window.addEventListener("beforeunload", (event) => {
  const form = current();
  if (!form) return;
  const state = stateOf(form);
  if (state.changed && !state.leaving) event.preventDefault();
});

// A page brought back by the browser's own history may be sent again.
window.addEventListener("pageshow", () => {
  const form = current();
  if (form) stateOf(form).leaving = false;
});

for (const text of document.querySelectorAll("[data-caret-start]")) {
  text.setSelectionRange(0, 0);
  text.scrollTop = 0;
}
