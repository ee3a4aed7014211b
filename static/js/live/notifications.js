// Notifications of the desktop for new mail: only after somebody pressed the button in the settings, only from one tab, and not for
// what is on screen already. What may be told, and when, the server decides (/mail/news).
import { openRow } from "../list/list.js";
import { isLeader, onPost, positionNow, post } from "./stream.js";

const SWITCH = "pillarbox:notifications"; // "off": the person switched them off in this browser
const LOOK_MS = 1_200; // by then a list at its top has the new rows
const ANSWER_MS = 250;

const isSupported = () => "Notification" in window && window.isSecureContext;
const isOn = () => isSupported() && Notification.permission === "granted" && localStorage.getItem(SWITCH) !== "off";
const wait = (ms) => new Promise((done) => { setTimeout(done, ms); });
let since = "";
let isAsking = false;
let isWanted = false; // more came while this was asked

function onScreen(rowIds) {
  if (document.hidden || !document.hasFocus()) return [];
  const open = document.querySelector("#reading .thread")?.dataset.id;
  return rowIds.filter((id) => {
    if (id === open) return true;
    const box = document.getElementById(`row-${id}`)?.getBoundingClientRect();
    return box && box.bottom > 0 && box.top < innerHeight;
  });
}

let answers = null;
onPost("on-screen?", ({ ids }) => post("on-screen", { ids: onScreen(ids) }));
onPost("on-screen", ({ ids }) => answers?.push(...ids));

async function seenIn(ids) {
  answers = onScreen(ids);
  post("on-screen?", { ids });
  await wait(ANSWER_MS);
  return new Set(answers);
}

async function tell() {
  if (!isLeader() || !isOn() || !since) return;
  if (isAsking) { isWanted = true; return; }
  isAsking = true;
  try {
    const answer = await fetch(`/mail/news?since=${encodeURIComponent(since)}`, { credentials: "same-origin" });
    if (!answer.ok) return;
    const { state, notes } = await answer.json();
    since = state;
    if (!notes.length) return;
    await wait(LOOK_MS);
    const seen = await seenIn(notes.flatMap((note) => note.row_ids));
    for (const note of notes) if (!note.row_ids.every((id) => seen.has(id))) show(note);
  } catch {
    // No network: the next change asks again, from where this one began.
  } finally {
    isAsking = false;
    if (isWanted) { isWanted = false; tell(); }
  }
}

function show(note) {
  const icon = document.querySelector('link[rel="apple-touch-icon"]')?.href;
  const made = new Notification(note.title, { body: note.text, tag: note.ids[0], icon });
  made.onclick = () => { made.close(); window.focus(); open(note); };
}

function open(note) {
  const row = document.getElementById(`row-${note.row_ids[0]}`);
  if (note.text !== "" && row) openRow(row);
  else if (document.getElementById("list")) location.assign(note.address);
  else window.open(note.address, "_blank", "noopener"); // what is written here is not left
}

document.addEventListener("pillarbox:changed", ({ detail }) => { since ||= detail.before || positionNow(); tell(); });

// The consent in the settings: one of its parts is shown, as things are in this browser.
function showConsent() {
  const place = document.querySelector("[data-notifications]");
  if (!place) return;
  let state = "unsupported";
  if (isSupported()) state = Notification.permission === "granted" && !isOn() ? "default" : Notification.permission;
  for (const part of place.querySelectorAll("[data-when]")) part.hidden = part.dataset.when !== state;
}

document.addEventListener("click", async (event) => {
  if (event.target.closest?.("[data-notifications-ask]")) {
    localStorage.removeItem(SWITCH);
    await Notification.requestPermission();
  } else if (event.target.closest?.("[data-notifications-off]")) localStorage.setItem(SWITCH, "off");
  else return;
  showConsent();
});
showConsent();
