// Mouse and keys inside the list, and its forms: buttons of rows and bars become acts.
import { perform } from "./acts.js";
import { rowOf, rowsElement } from "./dom.js";
import { stepInside } from "./grid.js";
import * as items from "./items.js";
import { currentRow, goTo, openRow, step } from "./list.js";
import { clickWithKey, toggle } from "./selection.js";
import { rowHeight } from "./window.js";

const FORMS = "#acts, #reading-bar, #reading-marks, .message__acts";

document.addEventListener("click", (event) => {
  const link = event.target.closest?.("#rows .row__link");
  if (!link || event.button || event.altKey) return;
  if (clickWithKey(event)) { event.preventDefault(); event.stopPropagation(); link.focus({ preventScroll: true }); return; }
  const row = rowOf(link);
  if (!row.dataset.id || row.classList.contains("row--draft")) return;
  event.preventDefault();
  event.stopPropagation();
  openRow(row);
}, true);

// Shift with a click would mark text.
document.addEventListener("mousedown", (event) => {
  if (event.shiftKey && rowOf(event.target)) event.preventDefault();
});

document.addEventListener("submit", (event) => {
  const { target: form, submitter: button } = event;
  if (!form.matches(FORMS) || button?.name !== "do" || button.hasAttribute("data-confirm")) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  const [what, one] = button.value.split(" ");
  const [, verb, target = ""] = /^([^:]*):?(.*)$/.exec(what);
  const own = form.id === "acts" ? undefined : new FormData(form).getAll("ids");
  perform(verb, { ids: one ? [one] : own, target });
}, true);

const pageRows = () => Math.max(1, Math.floor((document.getElementById("list-scroll")?.clientHeight ?? 0) / rowHeight()) - 1);
const index = () => Number(currentRow()?.dataset.index ?? 0);
// One screen of rows further, or back.
export const page = (way) => goTo(index() + way * pageRows());

const KEYS = {
  ArrowDown: (event) => step(1, { extend: event.shiftKey }),
  ArrowUp: (event) => step(-1, { extend: event.shiftKey }),
  ArrowLeft: (event) => stepInside(rowOf(event.target), event.key),
  ArrowRight: (event) => stepInside(rowOf(event.target), event.key),
  Home: () => goTo(0),
  End: () => goTo(items.total() - 1),
  PageDown: () => page(1),
  PageUp: () => page(-1),
  " ": (event) => event.target.matches(".row__link") && toggle(rowOf(event.target)),
  Enter: (event) => event.target.matches(".row__link") && openRow(rowOf(event.target), { tab: event.ctrlKey || event.metaKey }),
};

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.altKey || !rowsElement()?.contains(event.target) || !rowOf(event.target)) return;
  if ((event.ctrlKey || event.metaKey) && event.key !== "Enter") return;
  if (KEYS[event.key]?.(event)) event.preventDefault();
});
