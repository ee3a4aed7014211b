// Undo: what is about to leave, by its own toast; else the last step of this person, which the server knows, also after its toast
// has gone.
import { isActing } from "../list/acts.js";
import { listAddress, openId } from "../list/dom.js";

export function undo() {
  // What is being done is the last step: the server must know of it first.
  if (isActing()) { document.addEventListener("pillarbox:acted", undo, { once: true }); return true; }
  const form = document.querySelector("[data-toast-act]:not([hx-post])");
  if (form) { form.requestSubmit(); return true; }
  const shown = document.querySelector('[data-toast-act][hx-post] input[name="step"]');
  shown?.closest(".toast")?.remove();
  const values = { step: "", list: listAddress(), open: openId() };
  window.htmx.ajax("POST", "/mail/undo", { values, target: "#list", swap: "none" });
  return true;
}
