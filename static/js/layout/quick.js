// Looks in the menu of the person: what was pressed is seen at once, and saved behind it.
import { t } from "../words.js";
import { say } from "../status.js";

// Which data attribute of the document shows a setting.
const ATTRIBUTES = { theme: "theme", density: "density", phone_density: "phoneDensity", pane: "pane" };

function show(name, value) {
  document.documentElement.dataset[ATTRIBUTES[name]] = value;
  for (const choice of document.querySelectorAll(`.quick__choice[name="${name}"]`)) {
    choice.setAttribute("aria-pressed", String(choice.value === value));
  }
  // Rows have another height now: whoever has measured them measures again.
  window.dispatchEvent(new Event("resize"));
}

document.addEventListener("submit", async (event) => {
  const form = event.target.closest?.('[data-behaviour~="quick"]');
  const pressed = event.submitter;
  if (!form || !pressed) return;
  event.preventDefault();
  const { setting } = form.dataset;
  const before = document.documentElement.dataset[ATTRIBUTES[setting]];
  const body = new FormData(form, pressed);
  show(setting, pressed.value);
  const answer = await fetch(form.action, { method: "POST", body }).catch(() => null);
  if (answer?.ok) return;
  show(setting, before);
  say(t("Not saved. Check the connection and try again."));
});
