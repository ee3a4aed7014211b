// "3 new": a button at the head of the list that tells of rows that came in above what is being looked at. Who renews the list
// says how many there are; pressing it goes to the top. It goes by itself when the top is reached.
import { tn } from "../words.js";

const TOP_PX = 24; // as good as the top

const pane = () => document.getElementById("list-scroll");
const pill = () => document.getElementById("new-rows");

// Whether new rows may simply come in: the list stands at its top.
export const isAtTop = () => (pane()?.scrollTop ?? 0) < TOP_PX;

// `count` rows stand above that nobody has seen; 0 takes the pill away. `onPress` shows them (default: scroll to the top).
export function showPill(count, onPress = () => { pane()?.scrollTo({ top: 0 }); }) {
  if (!count) { hidePill(); return; }
  const button = pill() ?? document.createElement("button");
  Object.assign(button, { id: "new-rows", type: "button", className: "pill button button--primary button--small" });
  button.textContent = tn("{n} new", "{n} new", count);
  button.onclick = () => { hidePill(); onPress(); };
  if (!button.isConnected) document.querySelector(".list__head")?.append(button);
}

export function hidePill() {
  pill()?.remove();
}

document.addEventListener("scroll", (event) => {
  if (event.target.id === "list-scroll" && isAtTop()) hidePill();
}, true);
