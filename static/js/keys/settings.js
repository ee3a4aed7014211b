// The settings of keys with scripts: a key is given by pressing it, each change saves itself, and the search filters as one types.
import { t } from "../words.js";
import { say } from "../status.js";
import { build, icon, keyMarks } from "./build.js";
import { commandOf, keymap, replaceMap } from "./map.js";
import { fits, folded } from "./rank.js";
import { showStroke, strokesOf } from "./strokes.js";

const SEQUENCE_MS = 1_000;
const LEAVES = new Set(["Tab", "Shift+Tab"]);
const page = document.querySelector('[data-behaviour~="key-settings"]');
let pressed = [];
let timer = 0;

async function send(values, line) {
  const body = new URLSearchParams(values);
  body.set("csrfmiddlewaretoken", page.querySelector("[name=csrfmiddlewaretoken]").value);
  const answer = await fetch(page.dataset.address, { method: "POST", body, redirect: "error", headers: { Accept: "application/json" } }).catch(() => null);
  if (answer?.status === 422) return refuse(line, (await answer.json()).refused);
  if (!answer?.ok) return refuse(line, t("This could not be saved. Try again."));
  const { keymap: fresh, own } = await answer.json();
  replaceMap(fresh);
  refuse(line, "");
  showAll(own);
  return say(t("Saved"));
}

// Empty words take the fault away.
function refuse(line, words) {
  const fault = line?.querySelector("[data-role=fault]");
  if (!fault) { if (words) say(words, { urgent: true }); return; }
  fault.hidden = !words;
  fault.querySelector("span").textContent = words;
  const field = line.querySelector("[name=key]");
  if (words) field.setAttribute("aria-invalid", "true");
  else field.removeAttribute("aria-invalid");
  field.setAttribute("aria-describedby", fault.id);
}

function showAll(own) {
  const isOwn = new Set(own);
  for (const line of page.querySelectorAll("[data-name]")) {
    const keys = commandOf(line.dataset.name)?.keys ?? [];
    line.toggleAttribute("data-own", isOwn.has(line.dataset.name));
    line.querySelector("[data-role=reset]").hidden = !isOwn.has(line.dataset.name);
    const shown = [...line.querySelectorAll("[data-keys]")].map((button) => button.dataset.keys);
    if (shown.join("\n") === keys.join("\n")) continue;
    const marks = keys.map((one) => button(line.dataset.name, one));
    line.querySelector("[data-role=keys]").replaceChildren(...(marks.length ? marks : [build("span", { class: "keyset__none" }, t("no key"))]));
  }
  page.querySelector("[data-role=reset-all]").hidden = own.length === 0;
}

const button = (name, keys) => build("button", { class: "keyset__key", type: "submit", form: "keyset-remove", name: "remove", value: `${name} ${keys}`, title: t("Take this key off"), "data-keys": keys }, ...keyMarks(keys), icon("x"), build("span", { class: "hidden-text" }, t("Take off")));

// Pressing: further keys within a second make a sequence.
function take(event) {
  const field = event.target;
  const [stroke] = strokesOf(event);
  if (!stroke || LEAVES.has(stroke)) return;
  event.preventDefault();
  event.stopPropagation();
  clearTimeout(timer);
  if (stroke === "Escape") { empty(field); return; }
  pressed = [...pressed, stroke];
  field.value = pressed.map(showStroke).join(" ");
  timer = setTimeout(() => give(field), pressed.length > 2 ? 0 : SEQUENCE_MS);
}

function empty(field) {
  clearTimeout(timer);
  pressed = [];
  if (field) field.value = "";
}

async function give(field) {
  const key = pressed.join(" ");
  const line = field.closest("[data-name]");
  empty(field);
  if (key) await send({ act: "add", command: line.dataset.name, key }, line);
}

function filter(sought) {
  for (const line of page.querySelectorAll("[data-name]")) {
    const keys = (commandOf(line.dataset.name)?.keys ?? []).join(" ").toLowerCase();
    line.hidden = !fits(folded(sought), `${folded(line.querySelector(".keyset__words").textContent)} ${keys}`);
  }
  for (const group of page.querySelectorAll("[data-role=group]")) group.hidden = !group.querySelector("[data-name]:not([hidden])");
  page.querySelector("[data-role=none]").hidden = Boolean(page.querySelector("[data-name]:not([hidden])"));
}

function begin() {
  page.dataset.live = "";
  for (const field of page.querySelectorAll("[name=key]")) field.placeholder = t("Press a key");
  for (const mark of page.querySelectorAll("[data-stroke]")) mark.textContent = showStroke(mark.dataset.stroke);
  page.addEventListener("keydown", (event) => { if (event.target.matches("[name=key]")) take(event); }, true);
  page.addEventListener("focusout", (event) => { if (event.target.matches("[name=key]") && pressed.length) give(event.target); });
  page.addEventListener("input", (event) => { if (event.target.matches("[name=find]")) filter(event.target.value); });
  page.addEventListener("change", async (event) => {
    if (!event.target.matches("[name=preset]")) return;
    await send({ act: "preset", preset: event.target.value }, null);
    page.querySelector("[data-role=note]").textContent = keymap().note;
  });
  page.addEventListener("submit", (event) => {
    if (event.submitter?.name !== "remove" && event.submitter?.name !== "act") { if (event.target.matches("[role=search]")) event.preventDefault(); return; }
    event.preventDefault();
    const line = event.submitter.closest("[data-name]");
    send(event.submitter.name === "remove" ? { remove: event.submitter.value } : { act: event.submitter.value, command: line?.dataset.name ?? "", key: line?.querySelector("[name=key]").value ?? "" }, line).then(() => {
      if (!event.submitter.isConnected || event.submitter.hidden) (line?.querySelector("[name=key]") ?? page.querySelector("[name=find]")).focus();
    });
  });
}

if (page) begin();
