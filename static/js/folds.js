// Accounts folded in the sidebar stay folded on this device.
const KEY = "folded";
const read = () => { try { return new Set(JSON.parse(localStorage.getItem(KEY) ?? "[]")); } catch { return new Set(); } };

document.addEventListener("toggle", (event) => {
  const fold = event.target;
  if (!fold.matches?.('details[data-behaviour~="fold"]')) return;
  const folded = read();
  if (fold.open) folded.delete(fold.id); else folded.add(fold.id);
  try { localStorage.setItem(KEY, JSON.stringify([...folded])); } catch { /* a browser that keeps nothing */ }
}, true);

for (const id of read()) document.getElementById(id)?.removeAttribute("open");
