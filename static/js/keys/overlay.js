// The overlay of keys: the person's own, in groups, with a search. It is filled when it is opened.
import { build, keyMarks } from "./build.js";
import { keymap } from "./map.js";
import { fits, folded } from "./rank.js";

const dialog = () => document.getElementById("keys");

export function openOverlay() {
  const overlay = dialog();
  if (!overlay || overlay.open) return false;
  fill();
  overlay.showModal();
  const box = overlay.querySelector("[data-role=find]");
  box.value = "";
  filter();
  box.focus();
  return true;
}

function fill() {
  const { commands, groups, note } = keymap();
  const parts = Object.entries(groups).map(([group, words]) => build("section", { class: "keys__group" },
    build("h3", {}, words),
    build("dl", {}, ...commands.filter((command) => command.group === group && command.keys.length).map(line))));
  dialog().querySelector("[data-role=groups]").replaceChildren(...parts.filter((part) => part.querySelector("dt")));
  dialog().querySelector("[data-role=note]").textContent = note;
}

function line(command) {
  const keys = command.keys.flatMap((one, at) => [...(at ? [build("span", { class: "keys__or" }, "/")] : []), build("span", { class: "keys__one" }, ...keyMarks(one))]);
  return build("div", { class: "keys__line", "data-find": `${folded(command.words)} ${command.keys.join(" ").toLowerCase()}` }, build("dt", {}, command.words), build("dd", {}, ...keys));
}

function filter() {
  const sought = folded(dialog().querySelector("[data-role=find]").value);
  for (const one of dialog().querySelectorAll(".keys__line")) one.hidden = !fits(sought, one.dataset.find);
  for (const group of dialog().querySelectorAll(".keys__group")) group.hidden = !group.querySelector(".keys__line:not([hidden])");
  dialog().querySelector("[data-role=none]").hidden = Boolean(dialog().querySelector(".keys__line:not([hidden])"));
}

document.addEventListener("input", (event) => {
  if (event.target.closest?.("#keys [data-role=find]")) filter();
});
// The button in the top bar opens the dialog by itself (menus.js): what it shows is made here.
document.addEventListener("click", (event) => {
  if (!event.target.closest?.('[data-open-dialog="keys"], [data-command="keys"]')) return;
  event.preventDefault();
  event.stopPropagation();
  openOverlay();
}, true);
