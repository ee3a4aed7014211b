// The menu button. On wide screens it folds the sidebar to icons and back, and this device remembers; on narrower ones the browser
// opens the sidebar as a drawer by itself (popovertarget), which closes here when a line of it was followed.
import { keep } from "./kept.js";

const isWide = matchMedia("(min-width: 1100px)");
const root = document.documentElement;
const isFolded = () => root.dataset.sidebar === "folded";

function showState() {
  const button = document.querySelector('[data-behaviour~="sidebar"]');
  if (!button) return;
  if (isWide.matches) button.setAttribute("aria-expanded", String(!isFolded()));
  else button.removeAttribute("aria-expanded");
}

function toggleSidebar() {
  const sidebar = document.getElementById("sidebar");
  if (!isWide.matches) {
    sidebar?.togglePopover();
    return;
  }
  if (isFolded()) delete root.dataset.sidebar;
  else root.dataset.sidebar = "folded";
  keep({ isFolded: isFolded() ? true : null });
  showState();
}

document.addEventListener("click", (event) => {
  if (isWide.matches && event.target.closest?.('[data-behaviour~="sidebar"]')) {
    event.preventDefault();
    toggleSidebar();
    return;
  }
  const sidebar = document.getElementById("sidebar");
  if (!sidebar) return;
  if (sidebar.matches(":popover-open")) {
    if (event.target.closest?.("#sidebar a[href]")) sidebar.hidePopover();
  } else if (root.clientWidth >= 720 && sidebar.clientWidth <= 120 && event.target.closest?.(".account__head")) {
    // As icons there is no room for the mailboxes of an account: its mark opens the drawer.
    event.preventDefault();
    sidebar.showPopover();
  }
});

isWide.addEventListener("change", () => {
  const sidebar = document.getElementById("sidebar");
  if (sidebar?.matches(":popover-open")) sidebar.hidePopover();
  showState();
});
showState();
