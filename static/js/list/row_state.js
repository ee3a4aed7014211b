// What an act changes in a row is seen at once; the server's answer confirms it.
import { t } from "../words.js";
import * as items from "./items.js";

const nodesOf = (ids) => ids.map((id) => items.itemOf(id)?.node).filter(Boolean);

export function setRead(ids, isRead) {
  for (const row of nodesOf(ids)) {
    row.classList.toggle("row--unread", !isRead);
    const people = row.querySelector(".row__people");
    const spoken = people?.querySelector(":scope > .hidden-text");
    if (isRead) spoken?.remove();
    else if (people && !spoken) {
      const word = document.createElement("span");
      word.className = "hidden-text";
      word.textContent = `${t("unread")}, `;
      people.prepend(word);
    }
    const button = row.querySelector('.row__actions button[value^="read "], .row__actions button[value^="unread "]');
    if (button) button.value = `${isRead ? "unread" : "read"} ${row.dataset.id}`;
  }
}

export function setStarred(ids, isStarred) {
  for (const row of nodesOf(ids)) {
    row.classList.toggle("row--starred", isStarred);
    const button = row.querySelector(".row__star");
    if (button) button.value = `${isStarred ? "unstar" : "star"} ${row.dataset.id}`;
  }
}

// What can be taken back: how these rows were.
export function keepState(ids) {
  const was = nodesOf(ids).map((row) => [row.dataset.id, row.classList.contains("row--unread"), row.classList.contains("row--starred")]);
  return () => {
    for (const [id, isUnread, isStarred] of was) { setRead([id], !isUnread); setStarred([id], isStarred); }
  };
}
