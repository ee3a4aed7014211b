// The title of the window: the number of unread, then what is open, else the list.
import { figure } from "../words.js";
import { listElement, openThread } from "./dom.js";

export function updateTitle() {
  const list = listElement();
  if (!list) return;
  const subject = openThread()?.querySelector("#thread-subject")?.textContent.trim();
  const unread = Number(list.dataset.unread);
  document.title = `${unread ? `(${figure(unread)}) ` : ""}${subject || list.dataset.title} – Pillarbox`;
}

document.addEventListener("htmx:afterSettle", updateTitle);
