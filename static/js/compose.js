// The page of a draft: sending waits until the text is saved and the files are there, and leaving the page loses nothing.
import * as bars from "./compose_bars.js";
import { dropHere, isChanged, keepHere, save, show, stateOf, touched } from "./compose_saving.js";
import { leave, offer } from "./compose_versions.js";
import * as local from "./drafts_local.js";
import { running, whenDone } from "./upload.js";

const BEACON_CHARS = 15_000; // what a page may still send while it closes is 64 KB at most, encoded
const current = () => document.querySelector('[data-behaviour="compose"]');

const SENDS = /^(send|send_archive|later|at:.*)$/;

document.addEventListener("submit", (event) => {
  const form = event.target.closest('[data-behaviour="compose"]');
  if (!form || event.defaultPrevented) return;
  const state = stateOf(form);
  const act = event.submitter?.name === "act" ? event.submitter.value : "save";
  if (state.leaving || state.waiting) {
    event.preventDefault();
    return;
  }
  if (act === "discard") {
    leave(form);
    dropHere(form);
    return;
  }
  if (act === "save" && !state.stopped) {
    event.preventDefault();
    if (isChanged(form)) save(form);
    else show(form, "saved");
    return;
  }
  if (SENDS.test(act) && (running(form) || state.saving || isChanged(form) || !navigator.onLine)) {
    event.preventDefault();
    ready(form).then((isReady) => { if (isReady) form.requestSubmit(event.submitter); });
    return;
  }
  leave(form);
  if (SENDS.test(act)) keepHere(form, { leaving: true });
});

// All files there and the text saved: then it may be sent.
async function ready(form) {
  const state = stateOf(form);
  if (state.stopped) {
    // Which of the two is meant? The bar above asks.
    bars.box(form).scrollIntoView({ block: "nearest" });
    bars.box(form).querySelector("button")?.focus();
    return false;
  }
  if (!navigator.onLine) {
    keepHere(form);
    show(form, "noSend", { bad: true });
    return false;
  }
  state.waiting = true;
  try {
    if (running(form)) {
      show(form, "uploading");
      if (!await whenDone(form)) {
        show(form, "uploadFailed", { bad: true });
        return false;
      }
    }
    await state.saving;
    return await save(form) && navigator.onLine;
  } finally {
    state.waiting = null;
  }
}

document.addEventListener("input", (event) => {
  const form = event.target.closest?.('[data-behaviour="compose"]');
  if (form && event.target.name !== "files") touched(form);
});

document.addEventListener("keydown", (event) => {
  const form = event.target.closest?.('[data-behaviour="compose"]');
  if (!form || event.defaultPrevented || !(event.ctrlKey || event.metaKey) || event.shiftKey || event.altKey) return;
  if (event.key === "Enter") {
    event.preventDefault();
    form.requestSubmit(form.querySelector('button[value="send"]'));
  } else if (event.key === "s") {
    event.preventDefault();
    if (isChanged(form)) save(form);
  }
});

function leaving() {
  const form = current();
  if (!form || stateOf(form).leaving || !isChanged(form)) return;
  keepHere(form);
  save(form, { keepalive: form.elements.text.value.length < BEACON_CHARS });
}

document.addEventListener("visibilitychange", () => {
  const form = current();
  if (document.hidden) leaving();
  else if (form && isChanged(form)) save(form); // signed in again in another tab, perhaps
});
window.addEventListener("pagehide", leaving);
window.addEventListener("online", () => { const form = current(); if (form) save(form); });

window.addEventListener("beforeunload", (event) => {
  const form = current();
  if (!form || stateOf(form).leaving) return;
  if (running(form)) event.preventDefault();
  else if (isChanged(form)) {
    keepHere(form);
    if (!stateOf(form).isKept) event.preventDefault();
  }
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

const form = current();
if (form) {
  stateOf(form);
  offer(form);
}

// The draft is gone: what this device still has of it is shown, and can become a new draft.
for (const place of document.querySelectorAll('[data-behaviour="gone"]')) {
  for (const copy of local.find(place.dataset.owner, location.pathname.split("/")[2])) {
    const part = place.querySelector("[data-kept]").content.cloneNode(true);
    const kept = part.querySelector("form");
    for (const name of local.FIELDS) kept.elements[name].value = copy[name] ?? "";
    kept.addEventListener("submit", () => local.forget(copy.key));
    if (copy.leaving) local.forget(copy.key);
    else place.append(part);
  }
}
