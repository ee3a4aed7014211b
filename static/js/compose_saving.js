// Saving a draft: soon after the first characters, then every ten seconds while something changed. Until the server has it, the
// text is kept on this device. A save that another window forestalled stops all further ones until the person has chosen.
import * as bars from "./compose_bars.js";
import { actsOf } from "./compose_versions.js";
import * as local from "./drafts_local.js";
import { say } from "./status.js";

const EVERY_MS = 10_000;
const SOON_MS = 1_500;
const LOCAL_MS = 300;

const FLAGS = ["wants_receipt", "wants_delivery_report", "requires_tls"];
const states = new WeakMap();

export function stateOf(form) {
  if (!states.has(form)) {
    states.set(form, {
      saved: JSON.stringify(valuesOf(form)), // what the server has
      savedAt: -Infinity, sent: "", timer: 0, localTimer: 0, waiting: null,
      saving: null, stopped: "conflict" in form.dataset, leaving: false, isKept: true,
    });
  }
  return states.get(form);
}

export function valuesOf(form) {
  const values = {};
  for (const name of local.FIELDS) values[name] = form.elements[name]?.value ?? "";
  for (const name of FLAGS) values[name] = Boolean(form.elements[name]?.checked);
  return values;
}

// As the server keeps it, so that what is the same is known to be the same.
export function plain(values) {
  const line = (text) => (text ?? "").trim();
  return JSON.stringify([
    line(values.to), line(values.cc), line(values.bcc), (values.subject ?? "").split(/\s+/).join(" ").trim(),
    (values.text ?? "").replaceAll("\r\n", "\n"),
  ]);
}

export const isChanged = (form) => JSON.stringify(valuesOf(form)) !== stateOf(form).saved;

export function show(form, words, { bad = false, at = "" } = {}) {
  const status = form.querySelector("[data-status]");
  const text = at ? `${bars.words(form, words)} ${at}` : bars.words(form, words);
  if (status.textContent !== text) status.textContent = text;
  status.classList.toggle("is-bad", bad);
}

// Keeping on this device ------------------------------------------------------------------------------------------

export function keepHere(form, extra = {}) {
  const state = stateOf(form);
  const { owner, draft, state: address } = bars.box(form).dataset;
  const copy = { ...valuesOf(form), revision: Number(form.elements.revision.value), sent: state.sent, state: address, ...extra };
  state.isKept = !state.isAnothers && local.keep(owner, draft, copy);
}

export function dropHere(form) {
  local.drop(bars.box(form).dataset.owner, bars.box(form).dataset.draft);
}

export function touched(form) {
  const state = stateOf(form);
  clearTimeout(state.localTimer);
  state.localTimer = setTimeout(() => { if (isChanged(form)) keepHere(form); }, LOCAL_MS);
  plan(form, Math.max(SOON_MS, state.savedAt + EVERY_MS - performance.now()));
}

function plan(form, wait) {
  const state = stateOf(form);
  if (state.timer) return;
  state.timer = setTimeout(() => { state.timer = 0; save(form); }, wait);
}

// Saving ------------------------------------------------------------------------------------------------------------

// Resolves to whether the server has what is on the screen.
export function save(form, { keepalive = false } = {}) {
  const state = stateOf(form);
  if (state.saving) return state.saving;
  if (state.stopped || state.leaving || !form.isConnected) return Promise.resolve(false);
  if (!isChanged(form)) return Promise.resolve(true);
  state.saving = post(form, keepalive).finally(() => { state.saving = null; });
  return state.saving;
}

export function body(form) {
  const data = new FormData(form);
  for (const name of ["files", "act", "remove"]) data.delete(name);
  return data;
}

async function post(form, keepalive) {
  const state = stateOf(form);
  const values = valuesOf(form);
  clearTimeout(state.timer);
  state.timer = 0;
  state.sent = plain(values);
  keepHere(form);
  show(form, "saving");
  let answer, said;
  try {
    const request = () => fetch(form.dataset.save, { method: "POST", body: body(form), credentials: "same-origin", redirect: "manual", keepalive });
    answer = await request();
    // Signed in anew since the page was loaded: the form's token is old.
    if (answer.status === 403 && await renewToken(form)) answer = await request();
    said = answer.headers.get("Content-Type")?.startsWith("application/json") ? await answer.json() : null;
  } catch {
    return failed(form, "offline");
  }
  state.savedAt = performance.now();
  if (answer.ok && said) return saved(form, values, said);
  if (state.isAnothers) return false;
  if (answer.type === "opaqueredirect" || answer.status === 403) return signedOut(form);
  if (answer.status === 409) return stop(form, "conflict", said.other);
  if (answer.status === 410) return gone(form);
  if (answer.status === 422) {
    const status = form.querySelector("[data-status]");
    status.textContent = said.message;
    status.classList.add("is-bad");
    say(said.message);
    return false;
  }
  return failed(form, "failed");
}

function saved(form, values, said) {
  const state = stateOf(form);
  form.elements.revision.value = said.revision;
  state.saved = JSON.stringify(values);
  bars.close(form, "signed-out");
  local.reopen();
  show(form, "saved", { at: said.saved_at });
  if (isChanged(form)) {
    keepHere(form);
    plan(form, EVERY_MS);
  } else {
    dropHere(form);
  }
  return true;
}

export function failed(form, words) {
  const state = stateOf(form);
  keepHere(form);
  show(form, state.isKept ? words : "notKept", { bad: true });
  plan(form, EVERY_MS);
  return false;
}

export function signedOut(form) {
  keepHere(form);
  show(form, stateOf(form).isKept ? "signedOut" : "notKept", { bad: true });
  bars.open(form, "signed-out");
  plan(form, EVERY_MS);
  return false;
}

function stop(form, bar, version) {
  stateOf(form).stopped = true;
  keepHere(form);
  show(form, "stopped", { bad: true });
  bars.open(form, bar, { version, acts: actsOf(form, version) });
  return false;
}

async function gone(form) {
  await renewToken(form).catch(() => {}); // somebody else's session sees no draft either
  return stateOf(form).isAnothers ? false : stop(form, "gone");
}

// Take a token of the present session. False: there is none, or it is another person's. Fails without a connection.
export async function renewToken(form) {
  const state = stateOf(form);
  const { owner, state: address } = bars.box(form).dataset;
  const answer = await fetch(address, { credentials: "same-origin", redirect: "manual" });
  if (!answer.ok) return false;
  const said = await answer.json();
  if (said.owner !== owner) {
    state.stopped = true;
    state.isAnothers = true;
    dropHere(form);
    show(form, "stopped", { bad: true });
    bars.open(form, "another");
    return false;
  }
  form.elements.csrfmiddlewaretoken.value = said.token;
  return true;
}
