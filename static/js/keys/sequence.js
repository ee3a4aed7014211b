// The first key of a sequence, kept for a second and shown at the bottom with what may follow.
import { t } from "../words.js";
import { build, keyMarks } from "./build.js";
import { keymap } from "./map.js";
import { showStroke } from "./strokes.js";

const WAIT_MS = 1_000;
let begun = "";
let timer = 0;

export const begunKeys = () => begun;

export function begin(keys) {
  begun = keys;
  clearTimeout(timer);
  timer = setTimeout(end, WAIT_MS);
  show();
}

export function end() {
  begun = "";
  clearTimeout(timer);
  document.getElementById("key-wait")?.remove();
}

function show() {
  const lines = keymap().commands.flatMap((command) => command.keys
    .filter((keys) => keys.startsWith(`${begun} `))
    .map((keys) => [keys.slice(begun.length + 1), command.words]));
  const list = build("dl", { class: "keywait__next" }, ...lines.map(([keys, words]) => build("div", {}, build("dt", {}, ...keyMarks(keys)), build("dd", {}, words))));
  const first = build("p", { class: "keywait__first" }, build("kbd", {}, begun.split(" ").map(showStroke).join(" ")), " …");
  const hint = build("div", { class: "keywait", id: "key-wait", role: "status", "aria-label": t("{keys}: waiting for the next key", { keys: begun }) }, first, list);
  document.getElementById("key-wait")?.remove();
  document.body.append(hint);
}
