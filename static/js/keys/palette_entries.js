// The lines of the palette: commands from the keymap, everything else from the server; and which were used last, in this browser.
import { t } from "../words.js";
import { folded } from "./rank.js";

const RECENT = `palette:recent:${document.body.dataset.user ?? ""}`;
const RECENT_KEPT = 20;
const HIDDEN = new Set(["palette", "next", "previous", "extend_next", "extend_previous"]); // they do nothing from a dialog

const kinds = () => ({
  view: { icon: "layers", label: t("View") },
  mailbox: { icon: "folder", label: t("Mailbox") },
  account: { icon: "circle-user", label: t("Account") },
  label: { icon: "tag", label: t("Label") },
  search: { icon: "search", label: t("Saved search") },
  settings: { icon: "settings", label: t("Settings") },
  person: { icon: "user", label: t("Person") },
});

function ofCommand(command) {
  return { id: `command:${command.name}`, kind: "command", command: command.name, name: command.words, find: folded(command.words), keys: command.keys, icon: "chevron-right", label: "" };
}

function ofPlace(place) {
  const { icon, label } = kinds()[place.kind];
  const name = place.kind === "person" ? t("Mail with {name}", { name: place.name }) : place.name;
  const find = folded(place.name);
  return { id: `${place.kind}:${place.address}`, kind: place.kind, name, address: place.address, note: place.note ?? "", find, more: folded(`${place.note ?? ""} ${label} ${place.name}`), icon, label };
}

// A view and the command that goes there are one line: the view's, with the key.
export function whatThereIs({ commands }, places) {
  const isUsable = ({ name, place }) => !HIDDEN.has(name) && (place !== "composer" || document.querySelector('[data-behaviour="compose"]'));
  const ways = new Map(commands.filter(({ name }) => name.startsWith("go_")).map((command) => [command.words, command]));
  const lines = places.map((place) => (place.kind === "view" ? { ...ofPlace(place), keys: ways.get(place.name)?.keys } : ofPlace(place)));
  const views = new Set(places.filter(({ kind }) => kind === "view").map(({ name }) => name));
  return [...lines, ...commands.filter((command) => isUsable(command) && !(command.name.startsWith("go_") && views.has(command.words))).map(ofCommand)];
}

// Asked once a page; the browser keeps the answer and only asks whether it still holds.
let asked = null;
export function placesFrom(address) {
  asked ??= fetch(address, { credentials: "same-origin", redirect: "error", headers: { Accept: "application/json" } })
    .then((answer) => (answer.ok ? answer.json() : Promise.reject(new Error(String(answer.status)))))
    .then((answer) => answer.places)
    .catch((error) => { asked = null; throw error; });
  return asked;
}
document.addEventListener("pillarbox:renewed", () => { asked = null; });

export function recentIds() {
  try {
    return JSON.parse(localStorage.getItem(RECENT) ?? "[]");
  } catch {
    return [];
  }
}

export function remember(id) {
  const kept = [id, ...recentIds().filter((one) => one !== id)].slice(0, RECENT_KEPT);
  try {
    localStorage.setItem(RECENT, JSON.stringify(kept));
  } catch {
    // A browser that stores nothing for us finds everything all the same.
  }
}
