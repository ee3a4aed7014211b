// A toast goes after ten seconds, later while it is pointed at or has the focus. The newest stands alone. One that follows
// something under way (sending.js), or is sticky, stays.
import { t } from "./words.js";

const SHOWN_MS = 10_000;

function arm(toast) {
  if (toast.dataset.armed) return;
  toast.dataset.armed = "1";
  toast.querySelector("[data-toast-close]")?.removeAttribute("hidden");
  if (toast.dataset.follow || "sticky" in toast.dataset) return;
  let timer = 0;
  const wait = () => { clearTimeout(timer); timer = setTimeout(() => toast.remove(), SHOWN_MS); };
  const hold = () => clearTimeout(timer);
  toast.addEventListener("pointerenter", hold);
  toast.addEventListener("focusin", hold);
  toast.addEventListener("pointerleave", wait);
  toast.addEventListener("focusout", wait);
  wait();
}

function armAll() {
  const toasts = [...document.querySelectorAll('[data-behaviour~="toast"]')];
  for (const old of toasts.slice(0, -1)) old.remove();
  const newest = toasts.at(-1);
  if (newest) arm(newest);
}

export function showToast(text, kind = "danger") {
  const holder = document.getElementById("toasts");
  if (!holder) return;
  const toast = document.createElement("div");
  toast.className = `toast toast--${kind}`;
  toast.dataset.behaviour = "toast";
  toast.setAttribute("role", kind === "danger" ? "alert" : "status");
  const line = document.createElement("span");
  line.className = "toast__text";
  line.textContent = text;
  toast.append(line);
  holder.append(toast);
  armAll();
}

document.addEventListener("click", (event) => {
  const close = event.target.closest("[data-toast-close]");
  if (close) close.closest(".toast").remove();
});
document.addEventListener("toast:renewed", armAll);
document.addEventListener("htmx:oobAfterSwap", armAll);
document.addEventListener("htmx:afterSettle", armAll);
document.addEventListener("htmx:sendError", () => showToast(t("The server cannot be reached. Nothing was done; try again.")));
document.addEventListener("htmx:timeout", () => showToast(t("The server takes too long. Look whether it was done before trying again.")));
document.addEventListener("htmx:responseError", (event) => {
  const gone = event.detail.xhr.status === 404;
  showToast(gone ? t("This is not here any more: it was moved or deleted elsewhere.") : t("The server could not do this. Nothing was changed; reload the page and try again."));
});
armAll();
