// A page of hits: chips put the caret where they stand in the query; the number of hits comes after the first of them.
import { takeTotal } from "../list/list.js";
import { renew } from "../list/renew.js";
import { editFrom } from "./box.js";

document.addEventListener("click", (event) => {
  const chip = event.target.closest?.("#search-chips [data-edit]");
  const box = document.getElementById("q");
  if (!chip || !box || !box.getClientRects().length) return;
  event.preventDefault();
  box.value = chip.closest("#search-chips").dataset.query;
  editFrom(Number(chip.dataset.begin), Number(chip.dataset.end));
});

document.addEventListener("htmx:afterSettle", () => {
  const list = document.querySelector("#rows[data-uncounted]");
  const figure = document.querySelector("#list-figure[data-total]");
  if (!list || !figure) return;
  delete list.dataset.uncounted;
  takeTotal(Number(figure.dataset.total));
});

// A mail server has found more.
document.addEventListener("search:found", () => renew({ counts: false }));
