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
    summary.textContent = "…";
    summary.setAttribute("aria-label", "Show quoted text");
    summary.title = "Show quoted text";
    quote.replaceWith(details);
    details.append(summary, quote);
  }
}

const foldAll = () => document.querySelectorAll('[data-behaviour~="quotes"]').forEach(fold);
document.addEventListener("htmx:afterSettle", foldAll);
foldAll();
