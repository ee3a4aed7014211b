// Files of a draft, sent up in pieces as soon as they are chosen, dropped or pasted. A broken connection costs a piece: when it
// is back, the server says how far a file has come, and it goes on from there by itself.
import * as bars from "./compose_bars.js";
import { renewToken, stateOf } from "./compose_saving.js";

const PIECE_BYTES = 2_000_000;
const BACKOFF_MS = [1_000, 2_000, 5_000, 10_000, 30_000];

const boxOf = (form) => form?.querySelector('[data-behaviour="upload"]');
const queues = new WeakMap(); // form -> {files, isBusy, waiters, hasFailed}

function queueOf(form) {
  if (!queues.has(form)) queues.set(form, { files: [], isBusy: false, waiters: [], hasFailed: false });
  return queues.get(form);
}

// How many files are on their way.
export const running = (form) => queueOf(form).files.length;

// Resolves when none is on its way any more: to true when every one has arrived or was cancelled.
export function whenDone(form) {
  const queue = queueOf(form);
  if (!queue.files.length) return Promise.resolve(true);
  return new Promise((resolve) => { queue.waiters.push(resolve); });
}

const put = (template, values) => template.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);

// "640 B", "12 KB", "3.4 MB": as the server writes sizes.
function size(bytes) {
  let value = bytes;
  for (const unit of ["B", "KB", "MB"]) {
    if (value < 1_000) return `${value.toFixed(value >= 10 || unit === "B" ? 0 : 1)} ${unit}`;
    value /= 1_000;
  }
  return `${value.toFixed(1)} GB`;
}

// "18.2", for the line that tells how much room is left.
const megabytes = (bytes) => (bytes ? Math.max(0.1, bytes / 1_000_000) : 0).toFixed(1).replace(".0", "");

function prepare() {
  for (const box of document.querySelectorAll('[data-behaviour="upload"]:not([data-live])')) box.dataset.live = "";
}

function fault(box, text) {
  const line = box.querySelector("[data-fault]");
  line.querySelector("span").textContent = text;
  line.hidden = !text;
}

const pending = (form) => queueOf(form).files.reduce((sum, one) => sum + one.file.size, 0);

function room(form) {
  const box = boxOf(form);
  const used = Number(box.dataset.used) + pending(form);
  box.querySelector("[data-room-line]").textContent = put(box.dataset.room, { used: megabytes(used), limit: megabytes(Number(box.dataset.limit)) });
}

// Take files in: what cannot fit is refused before a byte of it is sent.
function add(form, files) {
  const box = boxOf(form);
  fault(box, "");
  queueOf(form).hasFailed = false;
  for (const file of files) {
    const rest = Number(box.dataset.limit) - Number(box.dataset.used) - pending(form);
    if (file.size > rest) {
      fault(box, put(box.dataset.tooLarge, { name: file.name, size: size(file.size), limit: size(Number(box.dataset.limit)), rest: size(Math.max(0, rest)) }));
      continue;
    }
    const one = { file, id: "", offset: 0, tries: 0, isCancelled: false, request: null, row: makeRow(box, file) };
    one.row.querySelector("[data-cancel]").addEventListener("click", () => cancel(form, one));
    queueOf(form).files.push(one);
    tell(box, one);
  }
  room(form);
  work(form);
}

function makeRow(box, file) {
  const row = box.querySelector("template[data-row]").content.firstElementChild.cloneNode(true);
  row.querySelector("[data-name]").textContent = file.name;
  row.querySelector("[data-name]").parentElement.title = file.name;
  const button = row.querySelector("[data-cancel]");
  button.setAttribute("aria-label", put(button.dataset.label, { name: file.name }));
  row.querySelector("progress").setAttribute("aria-label", file.name);
  const going = box.querySelector("[data-going]");
  going.append(row);
  going.hidden = false;
  return row;
}

function tell(box, one, { extra = 0, words = "" } = {}) {
  const done = Math.min(one.file.size, one.offset + extra);
  one.row.querySelector("progress").value = one.file.size ? (1000 * done) / one.file.size : 1000;
  one.row.classList.toggle("is-waiting", Boolean(words));
  const ending = done === one.file.size ? box.dataset.ending : put(box.dataset.part, { done: size(done), total: size(one.file.size) });
  one.row.querySelector("[data-part]").textContent = words || ending;
}

function end(form, one) {
  const queue = queueOf(form);
  queue.files = queue.files.filter((other) => other !== one);
  const going = one.row.parentElement;
  one.row.remove();
  if (going) going.hidden = !going.children.length;
  room(form);
}

function cancel(form, one) {
  one.isCancelled = true;
  one.request?.abort();
  one.wake?.();
  if (one.id) fetch(addressOf(form, one), { method: "DELETE", credentials: "same-origin", headers: token(form) }).catch(() => {});
  end(form, one);
}

const addressOf = (form, one) => `${boxOf(form).dataset.uploads}/${one.id}`;
const token = (form) => ({ "X-CSRFToken": form.elements.csrfmiddlewaretoken.value });

// One after the other: the first is there soonest.
async function work(form) {
  const queue = queueOf(form);
  if (queue.isBusy) return;
  queue.isBusy = true;
  while (queue.files.length) {
    const one = queue.files[0];
    const problem = await carry(form, one);
    if (one.isCancelled) continue;
    if (problem) {
      queue.hasFailed = true;
      fault(boxOf(form), problem);
      end(form, one);
    } else {
      await relist(form);
      end(form, one);
    }
  }
  queue.isBusy = false;
  for (const waiter of queue.waiters.splice(0)) waiter(!queue.hasFailed);
}

// Bring one file up; "" when it is there, else what went wrong for good.
async function carry(form, one) {
  const box = boxOf(form);
  while (!one.isCancelled) {
    const answer = await (one.id ? step(form, one) : begin(form, one));
    if (one.isCancelled) return "";
    if (answer === "unreadable") return put(box.dataset.unreadable, { name: one.file.name });
    if (answer.status === 200 || answer.status === 201 || answer.status === 409) {
      one.tries = 0;
      one.id = answer.said.id;
      one.offset = answer.said.offset;
      tell(box, one);
      if (answer.said.is_done) return "";
    } else if (answer.status >= 400 && answer.status < 500 && answer.status !== 403 && answer.said?.message) {
      return `${one.file.name}: ${answer.said.message}`;
    } else {
      // No connection, signed out, or a server that is being restarted.
      if (answer.status === 401 || answer.status === 403) await signIn(form);
      if (stateOf(form).isAnothers) return put(box.dataset.failed, { name: one.file.name });
      await pause(form, one);
    }
  }
  return "";
}

// The session has ended, or is a new one whose token is not known yet.
async function signIn(form) {
  try {
    if (await renewToken(form)) bars.close(form, "signed-out");
    else if (!stateOf(form).isAnothers) bars.open(form, "signed-out");
  } catch { /* no connection: asked again */ }
}

function begin(form, one) {
  const data = new FormData();
  data.append("name", one.file.name);
  data.append("type", one.file.type);
  data.append("size", String(one.file.size));
  return ask(boxOf(form).dataset.uploads, { method: "POST", body: data, headers: token(form) });
}

async function ask(address, options = {}) {
  try {
    const answer = await fetch(address, { credentials: "same-origin", redirect: "manual", ...options });
    if (answer.type === "opaqueredirect") return { status: 401, said: null };
    const isJson = answer.headers.get("Content-Type")?.startsWith("application/json");
    return { status: answer.status, said: isJson ? await answer.json() : null };
  } catch {
    return { status: 0, said: null };
  }
}

async function step(form, one) {
  if (one.tries) return ask(addressOf(form, one)); // how far has it come?
  if (one.offset >= one.file.size) return ask(addressOf(form, one));
  const last = Math.min(one.offset + PIECE_BYTES, one.file.size);
  let piece;
  try {
    piece = await one.file.slice(one.offset, last).arrayBuffer();
  } catch {
    return "unreadable";
  }
  return send(form, one, piece);
}

// XMLHttpRequest, because fetch tells nothing of how far an upload is.
function send(form, one, piece) {
  return new Promise((resolve) => {
    const request = new XMLHttpRequest();
    one.request = request;
    request.open("PATCH", addressOf(form, one));
    request.setRequestHeader("Content-Range", `bytes ${one.offset}-${one.offset + piece.byteLength - 1}/${one.file.size}`);
    request.setRequestHeader("Content-Type", "application/octet-stream");
    request.setRequestHeader("X-CSRFToken", form.elements.csrfmiddlewaretoken.value);
    request.upload.addEventListener("progress", (event) => tell(boxOf(form), one, { extra: event.loaded }));
    request.addEventListener("loadend", () => {
      one.request = null;
      let said = null;
      try { said = JSON.parse(request.responseText); } catch { /* no answer of ours */ }
      // Led to the sign-in page, which takes no PATCH: 403 or 405.
      resolve({ status: said || !request.status ? request.status : 403, said });
    });
    request.send(piece);
  });
}

function pause(form, one) {
  const wait = BACKOFF_MS[Math.min(one.tries, BACKOFF_MS.length - 1)];
  one.tries += 1;
  tell(boxOf(form), one, { words: boxOf(form).dataset.waiting });
  return new Promise((resolve) => {
    const go = () => {
      clearTimeout(timer);
      removeEventListener("online", go);
      one.wake = null;
      resolve();
    };
    const timer = setTimeout(go, wait);
    addEventListener("online", go);
    one.wake = go;
  });
}

// The list of files as the server has it now; what is on its way stays.
async function relist(form, data = new FormData()) {
  const box = boxOf(form);
  try {
    const answer = await fetch(box.dataset.address, { method: "POST", body: data, headers: token(form), credentials: "same-origin", redirect: "error" });
    if (!answer.ok && answer.status !== 422) return false;
    // Our own server's fragment, escaped by its templates.
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("files");
    box.querySelector("[data-files]").replaceWith(document.adoptNode(fresh.querySelector("[data-files]")));
    box.dataset.used = fresh.dataset.used;
    box.dataset.limit = fresh.dataset.limit;
    return true;
  } catch {
    return false;
  }
}

document.addEventListener("change", (event) => {
  const box = event.target.closest('[data-behaviour="upload"]');
  if (!box || event.target.type !== "file" || !event.target.files.length) return;
  add(box.closest("form"), [...event.target.files]);
  event.target.value = "";
});

document.addEventListener("click", async (event) => {
  const button = event.target.closest('[data-behaviour="upload"] button[name="remove"]');
  if (!button) return;
  event.preventDefault();
  const form = button.form;
  const data = new FormData();
  data.append("remove", button.value);
  button.disabled = true;
  if (!await relist(form, data)) button.disabled = false;
  room(form);
});

document.addEventListener("paste", (event) => {
  const form = event.target.closest?.('[data-behaviour="compose"]');
  const files = [...(event.clipboardData?.files ?? [])];
  // Programs offer a picture beside a text or a table: then the text is meant.
  if (!form || !files.length || event.clipboardData.types.includes("text/plain")) return;
  event.preventDefault();
  add(form, files);
});

for (const name of ["dragover", "dragleave", "drop"]) {
  document.addEventListener(name, (event) => {
    const form = event.target.closest?.('[data-behaviour="compose"]');
    if (!form || !event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    boxOf(form).classList.toggle("is-over", name === "dragover");
    if (name === "drop" && event.dataTransfer.files.length) add(form, [...event.dataTransfer.files]);
  });
}

document.addEventListener("htmx:load", prepare);
prepare();
