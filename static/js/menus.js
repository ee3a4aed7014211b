// Menus and dialogs: closed by Esc and by a click elsewhere, focus returns to what opened them.
import { t } from "./words.js";

const openMenus = () => [...document.querySelectorAll('details[data-behaviour~="menu"][open]')];

document.addEventListener("click", (event) => {
  for (const menu of openMenus()) if (!menu.contains(event.target)) menu.open = false;
  const around = event.target.closest(".menu__item")?.closest("details");
  if (around) around.open = false;
  const opener = event.target.closest("[data-open-dialog]");
  if (opener) openDialog(opener.dataset.openDialog);
  if (event.target.closest("[data-close-dialog]")) event.target.closest("dialog")?.close();
  // A click on the backdrop is a click on the dialog itself.
  if (event.target instanceof HTMLDialogElement && event.target.matches('[data-behaviour~="dialog"]')) event.target.close();
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const menu of openMenus()) {
    menu.open = false;
    menu.querySelector("summary")?.focus();
    event.stopPropagation();
  }
}, true);

const endOf = (menu) => Math.min(menu.closest("#thread-scroll")?.getBoundingClientRect().bottom ?? Infinity, innerHeight);

// A menu near the bottom or the left edge opens to where there is room.
document.addEventListener("toggle", (event) => {
  const menu = event.target;
  if (!(menu instanceof HTMLDetailsElement) || !menu.open || !menu.matches('[data-behaviour~="menu"]')) return;
  for (const other of openMenus()) if (other !== menu && !other.contains(menu)) other.open = false;
  const sheet = menu.querySelector(".menu__sheet");
  menu.classList.remove("menu--above");
  menu.classList.toggle("menu--start", menu.getBoundingClientRect().right - sheet.offsetWidth < 0);
  const { height, bottom } = sheet.getBoundingClientRect();
  menu.classList.toggle("menu--above", bottom > endOf(menu) && menu.getBoundingClientRect().top - height > 0);
}, true);

export function openDialog(id) {
  const dialog = document.getElementById(id);
  if (dialog && !dialog.open) dialog.showModal();
}

document.addEventListener("dialog:open", (event) => openDialog(event.detail.id));
document.addEventListener("htmx:beforeRequest", (event) => {
  if (event.target.closest?.('[data-behaviour~="closes-dialog"]')) event.target.closest("dialog")?.close();
});

// A question before what cannot be undone: <button data-confirm="Delete this account?">.
document.addEventListener("submit", (event) => {
  const button = event.submitter;
  const question = button?.dataset.confirm;
  if (!question || button.dataset.confirmed) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  ask(question, button);
}, true);

function ask(question, button) {
  const dialog = document.getElementById("dialog");
  const title = document.createElement("h2");
  title.textContent = question;
  const bar = document.createElement("div");
  bar.className = "buttons buttons--end";
  const no = document.createElement("button");
  no.className = "button";
  no.type = "button";
  no.dataset.closeDialog = "";
  no.textContent = t("Cancel");
  const yes = document.createElement("button");
  yes.className = button.classList.contains("button--danger") ? "button button--primary button--danger" : "button button--primary";
  yes.type = "button";
  yes.textContent = button.textContent.trim() || t("Yes");
  yes.addEventListener("click", () => {
    dialog.close();
    button.dataset.confirmed = "1";
    button.form.requestSubmit(button);
    delete button.dataset.confirmed;
  });
  bar.append(no, yes);
  dialog.replaceChildren(title, bar);
  dialog.showModal();
}
