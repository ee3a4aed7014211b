// Presses become commands. Letters do nothing while somebody types or a menu or dialog is open; holding a key down repeats
// movement only; Enter and the arrows stay with what has the focus when it has a use for them.
import { run } from "./commands.js";
import { keymap } from "./map.js";
import * as sequence from "./sequence.js";
import { strokesOf } from "./strokes.js";

const TYPING = 'input:not([type=checkbox]):not([type=radio]):not([type=button]):not([type=submit]), textarea, select, [contenteditable=""], [contenteditable=true]';
const OPEN = "dialog[open], details.menu[open], [popover]:popover-open:not(#sidebar)";
const PRESSED = "a[href], button, summary, input, [role=button], [role=option], [role=menuitem]";
const WALKED = "[role=radiogroup], [role=toolbar], [role=menu], [role=listbox], [role=tree], [role=separator], [role=slider], #reading, .sidebar, input";

const isTyping = (node) => Boolean(node?.closest?.(TYPING));

// Whether the element with the focus does something of its own with this key.
function isNative(key, node) {
  if (key === "Enter" || key === "Space") return Boolean(node?.closest?.(PRESSED));
  if (/^(Shift\+)?Arrow/.test(key)) return Boolean(node?.closest?.(WALKED)) && !node.closest("#rows");
  return false;
}

// "full": a command has these keys; "part": they begin some.
function find(keys, isComposing) {
  let isPart = false;
  for (const command of keymap().commands) {
    if (isComposing && command.place !== "composer") continue;
    if (!isComposing && command.place === "composer" && !document.querySelector('[data-behaviour="compose"]')) continue;
    for (const one of command.keys) {
      if (one === keys) return { command };
      if (one.startsWith(`${keys} `)) isPart = true;
    }
  }
  return { isPart };
}

export function press(event) {
  const strokes = strokesOf(event);
  if (!strokes.length) return;
  const isComposing = isTyping(event.target);
  const begun = sequence.begunKeys();
  if (begun) {
    sequence.end();
    event.preventDefault();
    const found = strokes.map((stroke) => find(`${begun} ${stroke}`, false)).find((one) => one.command || one.isPart);
    if (found?.command) run(found.command.name);
    else if (found) sequence.begin(`${begun} ${strokes[0]}`);
    return;
  }
  for (const stroke of strokes) {
    if (isNative(stroke, event.target)) continue;
    const { command, isPart } = find(stroke, isComposing);
    if (command && event.repeat && !command.repeats) { event.preventDefault(); return; }
    if (command) {
      if (run(command.name) !== false) event.preventDefault();
      return;
    }
    if (isPart && !event.repeat) {
      event.preventDefault();
      sequence.begin(stroke);
      return;
    }
  }
}

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented) { sequence.end(); return; }
  if (document.querySelector(OPEN)) return;
  press(event);
});
document.addEventListener("pointerdown", sequence.end);
window.addEventListener("blur", sequence.end);
