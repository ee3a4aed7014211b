// The menus of the lines of the sidebar: opened by their button, by the right mouse button or the menu key; fetched when wanted.
// What a menu asks for opens in the dialog. Without scripts the button leads to a page with the same.
import { openDialog } from "../menus.js";

const EDGE = 8;
let opener = null; // id of the line that the menu, or the dialog it led to, belongs to

function makeMenu() {
  const made = document.createElement("div");
  made.id = "nav-menu";
  made.className = "nav-menu";
  made.popover = "manual";
  document.body.append(made);
  return made;
}

const menuElement = () => document.getElementById("nav-menu");
const isOpen = () => Boolean(menuElement()?.matches(":popover-open"));
const entries = () => [...menuElement().querySelectorAll("a, button")];
const openerLine = () => document.getElementById(opener);

function place(menu, x, y) {
  const { offsetWidth: width, offsetHeight: height } = menu;
  const start = document.documentElement.dir === "rtl" ? x - width : x;
  menu.style.left = `${Math.max(EDGE, Math.min(start, innerWidth - width - EDGE))}px`;
  menu.style.top = `${Math.max(EDGE, Math.min(y, innerHeight - height - EDGE))}px`;
}

async function openMenu(more, x, y) {
  const menu = menuElement() ?? makeMenu();
  const line = more.parentElement.querySelector(".nav__item");
  opener = line.id;
  menu.setAttribute("aria-label", more.getAttribute("aria-label"));
  await window.htmx.ajax("GET", more.dataset.menu, { source: menu, target: menu, swap: "innerHTML" });
  if (!menu.isConnected || !menu.childElementCount) return;
  menu.showPopover();
  place(menu, x, y);
  entries()[0]?.focus();
}

function closeMenu({ back = true } = {}) {
  if (!isOpen()) return;
  menuElement().hidePopover();
  if (back) openerLine()?.focus();
}

// Below the button, or below the line when its button is not shown.
function openAt(place) {
  const more = place.parentElement.querySelector(":scope > .nav__more");
  const box = place.getBoundingClientRect();
  openMenu(more, document.documentElement.dir === "rtl" ? box.right : box.left, box.bottom);
}

document.addEventListener("click", (event) => {
  const more = event.target.closest?.(".nav__more[data-menu]");
  if (more && !event.ctrlKey && !event.metaKey) {
    event.preventDefault();
    event.stopPropagation();
    openAt(more);
  } else if (isOpen() && event.target.closest("#nav-menu a[target]")) closeMenu();
}, true);

document.addEventListener("contextmenu", (event) => {
  const line = event.target.closest?.(".sidebar .nav__item");
  const more = line?.parentElement.querySelector(":scope > .nav__more[data-menu]");
  if (!more || event.shiftKey) return;
  event.preventDefault();
  if (event.button === 2) openMenu(more, event.clientX, event.clientY);
  else openAt(line);
});

document.addEventListener("pointerdown", (event) => {
  if (isOpen() && !event.target.closest("#nav-menu")) closeMenu({ back: false });
}, true);

document.addEventListener("keydown", (event) => {
  if (!isOpen() || document.querySelector("dialog[open]")) return;
  const here = entries().indexOf(document.activeElement);
  const steps = { ArrowDown: here + 1, ArrowUp: here - 1, Home: 0, End: -1 };
  if (event.key === "Escape" || event.key === "Tab") closeMenu();
  else if (event.key in steps && here >= 0) entries().at(steps[event.key] % entries().length)?.focus();
  else return;
  event.preventDefault();
  event.stopPropagation();
}, true);

document.addEventListener("htmx:afterRequest", (event) => {
  if (event.target.closest?.("#nav-menu") && event.target.id !== "nav-menu") closeMenu();
});

// A form that was asked for stands in the dialog now; one that was done leaves it.
document.addEventListener("htmx:afterSwap", (event) => {
  if (event.target.id !== "dialog" || event.detail.requestConfig?.verb !== "get") return;
  openDialog("dialog");
  event.target.querySelector("[autofocus], .input")?.focus();
});
document.addEventListener("sidebar:changed", () => {
  const dialog = document.getElementById("dialog");
  if (dialog?.open && dialog.querySelector("form[hx-post]")) dialog.close();
});
document.addEventListener("close", (event) => {
  if (event.target.id === "dialog" && opener && !isOpen()) openerLine()?.focus();
}, true);
