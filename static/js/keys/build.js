// Elements of the overlay, the palette and the hints, made node by node: text never becomes markup.
import { showKeys } from "./strokes.js";

const SVG = "http://www.w3.org/2000/svg";

export function build(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) if (value !== undefined && value !== false) node.setAttribute(name, value === true ? "" : value);
  node.append(...children);
  return node;
}

// "g i" as two key caps.
export const keyMarks = (keys) => showKeys(keys).flatMap((stroke, at) => [...(at ? [" "] : []), build("kbd", {}, stroke)]);

// An icon of the sprite whose address the page gives.
export function icon(name) {
  const sprite = document.getElementById("palette")?.dataset.icons;
  const drawing = document.createElementNS(SVG, "svg");
  drawing.setAttribute("class", "icon");
  drawing.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `${sprite}#${name}`);
  drawing.append(use);
  return drawing;
}
