// Rows that are looked at and not here yet: after a moment their outlines, after some seconds a line with "Retry".
import { t } from "../words.js";
import { paneElement, rowsElement } from "./dom.js";
import { focusHeading } from "./focus.js";

const QUIET_MS = 150;
const LONG_MS = 4_000;

let timers = [];
let retry = () => {};

export function showWaiting(again) {
  retry = again;
  if (timers.length) return;
  timers = [
    setTimeout(() => rowsElement()?.classList.add("is-waiting"), QUIET_MS),
    setTimeout(() => showLine(t("Still loading")), LONG_MS),
  ];
}

export function showFailed() {
  rowsElement()?.classList.add("is-waiting");
  showLine(t("These messages could not be loaded."));
}

export function hideWaiting() {
  timers.forEach(clearTimeout);
  timers = [];
  rowsElement()?.classList.remove("is-waiting");
  const line = document.getElementById("rows-wait");
  if (line?.contains(document.activeElement)) focusHeading();
  line?.remove();
}

function showLine(text) {
  if (document.getElementById("rows-wait")) return;
  const line = Object.assign(document.createElement("div"), { id: "rows-wait", className: "rows-wait" });
  line.setAttribute("role", "status");
  const button = Object.assign(document.createElement("button"), { type: "button", className: "button button--small", textContent: t("Retry") });
  button.addEventListener("click", () => { hideWaiting(); retry(); });
  line.append(text, " ", button);
  paneElement()?.append(line);
}
