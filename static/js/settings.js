// Settings that were saved hold at once, without loading the page: the root element carries what the style sheets follow.
// "Saved" and faults stand beside the setting and are spoken.
import { say } from "./status.js";
import { t } from "./words.js";

const root = document.documentElement;
const CARRIED = {
  theme: "theme",
  density: "density",
  phone_density: "phoneDensity",
  pane: "pane",
  mark_read_after_s: "markRead",
  after_act: "afterAct",
  swipe_right: "swipeRight",
  swipe_left: "swipeLeft",
};

document.addEventListener("setting:saved", (event) => {
  const { field, value } = event.detail;
  const name = CARRIED[field];
  if (!name) return;
  if (value === null) delete root.dataset[name];
  else root.dataset[name] = String(value);
});

document.addEventListener("htmx:afterSwap", (event) => {
  const said = event.target;
  if (!said.classList?.contains("setting__said")) return;
  const fault = said.querySelector(".field__error");
  for (const input of said.parentElement.querySelectorAll("input, select")) {
    if (fault) input.setAttribute("aria-invalid", "true");
    else input.removeAttribute("aria-invalid");
  }
  say(fault ? fault.textContent.trim() : t("Saved"), { urgent: Boolean(fault) });
});
