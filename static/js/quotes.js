// Quoted text folds to "…" where the sender wrote something of their own in front of it.
function fold(holder) {
  const plain = holder.querySelector(".plain");
  if (!plain || holder.dataset.folded) return;
  holder.dataset.folded = "1";
  const blocks = [...plain.children];
  const last = blocks.findLastIndex((block) => block.matches(".text:not(.signature)") && block.textContent.trim());
  const quotes = blocks.filter((block, at) => at > last && block.matches("blockquote.quote"));
  if (last < 0) return;
  for (const quote of quotes) {
    const details = document.createElement("details");
    details.className = "quoted";
    const summary = document.createElement("summary");
    summary.append(...[0, 1, 2].map(() => document.createElement("i")));
    summary.setAttribute("aria-label", "Show quoted text");
    summary.title = "Show quoted text";
    const attribution = takeAttribution(quote.previousElementSibling);
    quote.replaceWith(details);
    details.append(summary, ...attribution, quote);
  }
}

// "On Monday Anna wrote:" belongs to what it introduces.
const MAX_ATTRIBUTION = 200;
function takeAttribution(block) {
  if (!block?.matches(".text")) return [];
  const line = [];
  let node = block.lastChild;
  const drop = (one) => { const before = one.previousSibling; one.remove(); return before; };
  const isBlank = (one) => one.nodeName === "BR" || !one.textContent.trim();
  let at = node;
  while (at && isBlank(at)) at = at.previousSibling;
  while (at && at.nodeName !== "BR") { line.unshift(at); at = at.previousSibling; }
  const text = line.map((one) => one.textContent).join("").trim();
  if (!at || !text.endsWith(":") || text.length > MAX_ATTRIBUTION) return [];
  while (node && isBlank(node)) node = drop(node);
  const holder = document.createElement("div");
  holder.className = "text";
  holder.append(...line);
  node = block.lastChild;
  while (node && isBlank(node)) node = drop(node);
  return [holder];
}

const foldAll = () => document.querySelectorAll('[data-behaviour~="quotes"]').forEach(fold);
document.addEventListener("htmx:afterSettle", foldAll);
foldAll();
