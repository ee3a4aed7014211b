// The bar that stands in the list's head while something is selected, and the line about everything that matches.
import { say } from "../status.js";
import { figure, t, tn } from "../words.js";
import { listElement } from "./dom.js";
import * as items from "./items.js";
import { clear, count, select, selectAllMatching, allMatching } from "./selection.js";

const WHICH = {
  all: () => true,
  none: () => false,
  read: (row) => !row.classList.contains("row--unread"),
  unread: (row) => row.classList.contains("row--unread"),
  starred: (row) => row.classList.contains("row--starred"),
  unstarred: (row) => !row.classList.contains("row--starred"),
};

export function selectWhich(name) {
  select(WHICH[name]);
  say(count() ? tn("{n} selected", "{n} selected", count()) : t("Nothing is selected"));
  return true;
}

function show() {
  const list = listElement();
  if (!list) return;
  const number = count();
  list.classList.toggle("is-selecting", number > 0);
  const label = list.querySelector('[data-behaviour~="count"]');
  if (label) label.textContent = number ? tn("{n} selected", "{n} selected", number) : "";
  const box = list.querySelector('[data-behaviour~="select-all"]');
  if (box) {
    box.checked = number > 0 && (allMatching() || number >= items.loaded().length);
    box.indeterminate = number > 0 && !box.checked;
  }
  showLine();
}

// "All 50 shown are selected. Select all 3,412 that match", then "All 3,412 are selected. Clear".
function showLine() {
  const line = document.getElementById("selection-line");
  if (!line) return;
  const [number, shown, total] = [count(), items.loaded().length, items.total()];
  const hasMore = total > shown && number === shown && !allMatching();
  const text = allMatching() ? t("All {n} are selected.", { n: figure(number) }) : hasMore ? t("All {n} shown are selected.", { n: figure(shown) }) : "";
  line.hidden = !text;
  if (line.dataset.text === text) return;
  line.dataset.text = text;
  line.replaceChildren();
  if (!text) return;
  const button = document.createElement("button");
  button.type = "button";
  button.className = "selection-line__act";
  button.textContent = allMatching() ? t("Clear") : t("Select all {n} that match", { n: figure(total) });
  button.addEventListener("click", () => {
    if (allMatching()) clear();
    else selectAllMatching();
    (line.querySelector("button") ?? listElement().querySelector('[data-behaviour~="select-all"]'))?.focus();
  });
  line.append(text, " ", button);
}

document.addEventListener("pillarbox:selection", show);
document.addEventListener("change", (event) => {
  if (event.target.matches?.('[data-behaviour~="select-all"]')) selectWhich(event.target.checked ? "all" : "none");
});
document.addEventListener("click", (event) => {
  const button = event.target.closest?.("[data-select]");
  if (!button) return;
  const menu = button.closest("details");
  selectWhich(button.dataset.select);
  const way = count() ? menu?.querySelector("summary") : listElement()?.querySelector('[data-behaviour~="select-all"]');
  way?.focus();
});
