// The address of the page says which list this is, where in it the reader is, and what is open.
import { isListShown, isThisList, listAddress, listElement, openId } from "./dom.js";
import { offsetOfFirst, seen } from "./window.js";

const THROTTLE_MS = 300; // browsers refuse more than a hundred changes in half a minute

let timer = 0;
let first = 0;

export const firstIndex = () => first;
export const setFirst = (index) => { first = index; };
export const address = (id = openId()) => listAddress({ t: id, at: first });

const stateOf = (extra = {}) => ({ ...history.state, mail: true, ...extra });

// The place is remembered a moment later: scrolling changes it all the time.
export function remember() {
  const found = isListShown() ? seen() : null;
  if (found) ({ first } = found);
  clearTimeout(timer);
  timer = setTimeout(write, THROTTLE_MS);
}

function write() {
  clearTimeout(timer);
  if (!listElement() || !isThisList(location.href)) return;
  history.replaceState(stateOf(isListShown() ? { offset: offsetOfFirst() } : {}), "", address());
}

export function push(id, { hasList = true } = {}) {
  write();
  history.pushState({ mail: true, fromList: hasList, offset: history.state?.offset ?? 0 }, "", address(id));
}

export function replace(id) {
  clearTimeout(timer);
  history.replaceState(stateOf(), "", address(id));
}

addEventListener("pagehide", write);
