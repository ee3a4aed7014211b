// Parts of pages from the server, as text: rows of a window, a conversation. Only reading; acts go through htmx.

export async function fetchPart(address, { target, signal, isPrefetch = false } = {}) {
  const headers = { "HX-Request": "true", "HX-Target": target, "HX-Current-URL": location.href };
  if (isPrefetch) headers["X-Prefetch"] = "1";
  const answer = await fetch(address, { headers, signal, credentials: "same-origin" });
  if (answer.status === 401 && !isPrefetch) document.dispatchEvent(new CustomEvent("pillarbox:session-ended"));
  if (!answer.ok) throw Object.assign(new Error(`status ${answer.status}`), { status: answer.status });
  return answer.text();
}

// The element with this id in a part that was fetched, as a node of this document.
export function parsePart(text, id) {
  const found = new DOMParser().parseFromString(text, "text/html").getElementById(id);
  return found ? document.adoptNode(found) : null;
}

// Put a part in place of the element with this id; what travels out of band goes where it belongs.
export function putPart(id, text, swapStyle) {
  const element = document.getElementById(id);
  if (element) window.htmx.swap(element, text, { swapStyle, ignoreTitle: true }, { contextElement: element });
}
