// The lines of the picker: which match what is typed, and how one looks.
import { t } from "../words.js";

const SVG = "http://www.w3.org/2000/svg";

// Case and accents do not count.
export const fold = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLocaleLowerCase();

// Targets whose name, or the name of whose account, has all words typed; those that begin so first. Their order stays otherwise.
export function matching(targets, typed) {
  const words = fold(typed).split(/\s+/).filter(Boolean);
  if (!words.length) return [...targets];
  const found = targets.filter((target) => {
    const text = fold(`${target.name} ${target.account ?? ""}`);
    return words.every((word) => text.includes(word));
  });
  const begins = (target) => (fold(target.name).startsWith(words[0]) ? 0 : 1);
  return found.sort((a, b) => begins(a) - begins(b));
}

export function drawLine(target, index, icons, { isFlat = false } = {}) {
  const line = document.createElement("li");
  line.id = `picker-option-${index}`;
  line.className = "picker__line";
  line.setAttribute("role", "option");
  line.dataset.index = String(index);
  if (!isFlat && target.depth) line.dataset.depth = String(Math.min(target.depth, 6));
  line.append(mark(target, icons), word("picker__name", target.name));
  const notes = [target.account, target.note].filter(Boolean);
  if (notes.length) line.append(word("picker__note", notes.join(" · ")));
  if (target.is_recent) line.append(word("picker__recent", t("recent")));
  if (target.state) line.append(stateOf(target, icons));
  return line;
}

function mark(target, icons) {
  if (typeof target.color !== "number") return icon(target.icon, icons);
  const dot = word("picker__dot", "");
  dot.dataset.label = String(target.color);
  return dot;
}

function stateOf(target, icons) {
  const box = word("picker__state", "");
  const isAll = target.state === "all";
  box.append(icon(isAll ? "check" : "minus", icons), word("hidden-text", isAll ? t("given") : t("given to some")));
  return box;
}

function word(className, text) {
  const node = document.createElement("span");
  node.className = className;
  node.textContent = text;
  return node;
}

function icon(name, icons) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `${icons}#${name}`);
  svg.append(use);
  return svg;
}
