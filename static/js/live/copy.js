// <button data-copy="text">: puts the text into the clipboard and says so.
import { say } from "../status.js";
import { t } from "../words.js";

const SHOWN_MS = 2_000;

document.addEventListener("click", async (event) => {
  const button = event.target.closest?.("[data-copy]");
  if (!button) return;
  event.preventDefault();
  try {
    await navigator.clipboard.writeText(button.dataset.copy);
  } catch {
    say(t("The browser does not let this be copied."));
    return;
  }
  const words = button.textContent;
  button.textContent = t("Copied");
  say(t("Copied"));
  setTimeout(() => { button.textContent = words; }, SHOWN_MS);
});
