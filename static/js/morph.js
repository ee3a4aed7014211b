// A swap that keeps what people hold: nodes stay the same by their id, so focus, scroll place, checked boxes and open folds
// survive a renewal by the server. htmx extension "morph": hx-swap="morph".

const KEPT_OPEN = "details";

// Elements that look after what is in them: id → (old, fresh) => the node that stands there afterwards.
const owners = new Map();
export const ownMorph = (id, owner) => { owners.set(id, owner); };

// Make `old` say what `fresh` says, changing as little as possible. Returns the node that stands there afterwards.
export function morph(old, fresh) {
  if (old.nodeType !== fresh.nodeType || old.nodeName !== fresh.nodeName || (old.id || "") !== (fresh.id || "")) {
    old.replaceWith(fresh);
    return fresh;
  }
  if (old.nodeType !== Node.ELEMENT_NODE) {
    if (old.nodeValue !== fresh.nodeValue) old.nodeValue = fresh.nodeValue;
    return old;
  }
  const owner = owners.get(old.id);
  if (owner) return owner(old, fresh);
  // What is filled in later than the page (data-kept says of what) stays as long as it is of the same.
  if (old.dataset.kept && old.dataset.kept === fresh.dataset.kept) return old;
  if (old.isEqualNode(fresh)) return old;
  copyAttributes(old, fresh);
  morphChildren(old, fresh);
  return old;
}

function copyAttributes(old, fresh) {
  const keepsOpen = old.matches(KEPT_OPEN);
  for (const { name } of [...old.attributes]) {
    const isOurs = name === "hidden" || (keepsOpen && name === "open") || (name === "tabindex" && old === document.activeElement);
    if (!fresh.hasAttribute(name) && !isOurs) old.removeAttribute(name);
  }
  for (const { name, value } of fresh.attributes) {
    if (keepsOpen && name === "open") continue;
    if (name === "hidden" && fresh.hasAttribute("data-reveal")) continue;
    if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
  if (old instanceof HTMLInputElement && old.type === "hidden" && old.value !== fresh.value) old.value = fresh.value;
}

function morphChildren(old, fresh) {
  const byId = new Map();
  for (const child of old.children) if (child.id) byId.set(child.id, child);
  let place = old.firstChild;
  for (const next of [...fresh.childNodes]) {
    const known = next.nodeType === Node.ELEMENT_NODE && next.id ? byId.get(next.id) : null;
    if (known) {
      // Moving a node would lose its focus and scroll place: what stands in front of it is moved or removed instead.
      while (place && place !== known && !keptLater(place, fresh)) place = remove(place);
      if (place !== known) old.insertBefore(known, place);
      place = known.nextSibling;
      morph(known, next);
    } else if (place && !place.id && !next.id && place.nodeName === next.nodeName) {
      const following = place.nextSibling;
      morph(place, next);
      place = following;
    } else {
      old.insertBefore(next, place);
    }
  }
  while (place) place = remove(place);
}

function keptLater(node, fresh) {
  return Boolean(node.id && [...fresh.children].some((child) => child.id === node.id));
}

function remove(node) {
  const following = node.nextSibling;
  node.remove();
  return following;
}

window.htmx.defineExtension("morph", {
  isInlineSwap: (style) => style === "morph",
  handleSwap(style, target, fragment) {
    if (style !== "morph") return false;
    const fresh = fragment.nodeType === Node.DOCUMENT_FRAGMENT_NODE ? fragment.firstElementChild : fragment;
    if (!fresh) return [];
    return [morph(target, fresh)];
  },
});
