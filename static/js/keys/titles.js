// The key of a button stands in its tooltip: set when it is first pointed at or gets the focus, from the person's own map.
import { keysOf } from "./map.js";
import { showKeys } from "./strokes.js";

function show(button) {
  const keys = keysOf(button.dataset.command);
  const words = button.dataset.title ?? button.title ?? "";
  const base = words || button.getAttribute("aria-label") || button.textContent.trim();
  button.dataset.title = base;
  const title = keys.length ? `${base} (${showKeys(keys[0]).join(" ")})` : base;
  if (button.title !== title) button.title = title;
  const spoken = keys.filter((one) => !one.includes(" ")).map((one) => one.replace("Ctrl", "Control")).join(" ");
  if (spoken) button.setAttribute("aria-keyshortcuts", spoken);
  else button.removeAttribute("aria-keyshortcuts");
}

for (const kind of ["pointerover", "focusin"]) {
  document.addEventListener(kind, (event) => {
    const button = event.target.closest?.("[data-command]");
    if (button) show(button);
  }, { passive: true });
}

// What makes sense only with scripts.
for (const button of document.querySelectorAll('[data-command][hidden], [data-open-dialog="keys"][hidden]')) button.hidden = false;
