// From a press to the spelling of keys (`j`, `Shift+j`, `#`, `Ctrl+k`), and from that spelling to what people read on their keyboard.
import { t } from "../words.js";

export const isMac = /mac|iphone|ipad/i.test(navigator.userAgentData?.platform ?? navigator.platform ?? "");
const MODIFIERS = new Set(["Shift", "Control", "Alt", "Meta", "AltGraph", "CapsLock", "Fn", "Dead", "Process", "Unidentified"]);
// Signs of the US layout by the place of their key, for keyboards whose letters are not Latin.
const SIGNS = { BracketLeft: "[{", BracketRight: "]}", Semicolon: ";:", Quote: "'\"", Comma: ",<", Period: ".>", Slash: "/?", Minus: "-_", Equal: "=+" };

const isLatin = (key) => /^[\p{Script=Latin}\p{Script=Common}]$/u.test(key);

// The spellings that a press can mean, the most exact first. Empty: a modifier alone, or a press that belongs to an input method.
export function strokesOf(event) {
  if (event.isComposing || MODIFIERS.has(event.key)) return [];
  const typesSign = event.getModifierState?.("AltGraph");
  const ctrl = !typesSign && (isMac ? event.metaKey : event.ctrlKey);
  const other = isMac ? event.ctrlKey : event.metaKey;
  if (other) return [];
  const alt = !typesSign && event.altKey;
  const found = [];
  const add = (key, shift) => { if (key) found.push([ctrl && "Ctrl", alt && "Alt", shift && "Shift", key].filter(Boolean).join("+")); };
  const key = event.key === " " ? "Space" : event.key;
  if (key.length > 1) add(key, event.shiftKey);
  else {
    // A Mac writes signs with Option: what was typed is meant before the chord.
    if (isMac && alt && !ctrl && !/^[\p{L}\d]$/u.test(key)) found.push(key);
    addCharacter(event, key, add, ctrl || alt);
  }
  return found;
}

function addCharacter(event, key, add, isChord) {
  const lower = key.toLowerCase();
  const isLetter = lower !== key.toUpperCase();
  if (isLatin(key)) add(isLetter ? lower : key, event.shiftKey && (isLetter || isChord));
  // By the place of the key: letters of other scripts, and what Alt or Shift made of a letter or figure in a chord.
  if (isLatin(key) && !isChord) return;
  const [, letter] = /^Key([A-Z])$/.exec(event.code) ?? [];
  const [, figure] = /^Digit([0-9])$/.exec(event.code) ?? [];
  if (letter && !(isLatin(key) && isLetter)) add(letter.toLowerCase(), event.shiftKey);
  else if (figure && isChord) add(figure, event.shiftKey);
  else if (!isLatin(key) && SIGNS[event.code]) add(SIGNS[event.code][event.shiftKey ? 1 : 0], false);
}

const names = () => ({
  Ctrl: isMac ? "Cmd" : t("Ctrl"),
  Alt: isMac ? t("Option") : t("Alt"),
  Shift: t("Shift"),
  Enter: t("Enter"),
  Delete: t("Del"),
  Backspace: t("Backspace"),
  Insert: t("Ins"),
  Space: t("Space"),
  Escape: t("Esc"),
  Home: t("Home"),
  End: t("End"),
  PageUp: t("Page up"),
  PageDown: t("Page down"),
  ArrowUp: "↑",
  ArrowDown: "↓",
  ArrowLeft: "←",
  ArrowRight: "→",
});

// `Ctrl+k` as people read it: "Cmd+k" on a Mac.
export function showStroke(stroke) {
  const words = names();
  const at = stroke.lastIndexOf("+", stroke.length - 2);
  const parts = at < 0 ? [stroke] : [...stroke.slice(0, at).split("+"), stroke.slice(at + 1)];
  return parts.map((part) => words[part] ?? part).join("+");
}

export const showKeys = (keys) => keys.split(" ").map(showStroke);
