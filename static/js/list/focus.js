// Where the focus goes when the row that had it is gone. It never falls to the body.
import { say } from "../status.js";
import { t } from "../words.js";
import { listElement } from "./dom.js";
import * as items from "./items.js";
import { scrollToIndex, showAround } from "./window.js";

// Also on something that is not seen any more: the browser is about to take the focus from there.
export const isNowhere = () => {
  const node = document.activeElement;
  return !node || node === document.body || !node.getClientRects().length;
};

// Focus a row and bring it into view. `isQuiet`: the list stays where it is.
export function focusRow(row, { isQuiet = false } = {}) {
  const link = row?.querySelector(".row__link");
  if (!link) return false;
  link.focus({ preventScroll: true });
  if (!isQuiet) scrollToIndex(Number(row.dataset.index));
  return document.activeElement === link;
}

export function focusHeading() {
  const heading = document.getElementById("list-title");
  heading?.setAttribute("tabindex", "-1");
  heading?.focus();
  if (!items.total() && heading) say(t("{name} is empty", { name: listElement().dataset.title ?? heading.textContent.trim() }));
}

// The id of the row that follows an index when `gone` have left; "" when none is left. Nearest first, in the wished direction.
export function heirOf(index, gone, { isBackwards = false } = {}) {
  const left = new Set(gone);
  const look = (by) => {
    for (let at = index + by; at >= 0 && at < items.total(); at += by) {
      const item = items.itemAt(at);
      if (!item) return "";
      if (!left.has(item.id)) return item.id;
    }
    return "";
  };
  return isBackwards ? look(-1) || look(1) : look(1) || look(-1);
}

// Focus the row with this id, wherever it is; false when it is not known.
export function focusId(id, options) {
  const item = items.itemOf(id);
  if (!item) return false;
  if (!item.node.isConnected) showAround(item.index, item.index);
  return focusRow(item.node, options);
}
