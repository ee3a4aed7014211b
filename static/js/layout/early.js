// Runs before the first paint, so that nothing moves after it: how wide the panes are on this device. A plain script without
// imports, because a module would run too late; layout/separators.js and layout/sidebar.js keep the values.
{
  let kept = {};
  try {
    kept = JSON.parse(localStorage.getItem("pillarbox.panes") ?? "{}") ?? {};
  } catch {
    kept = {};
  }
  const root = document.documentElement;
  for (const name of ["sidebar", "list", "below"]) {
    if (Number.isFinite(kept[name])) root.style.setProperty(`--${name}`, `${kept[name]}px`);
  }
  if (kept.isFolded === true) root.dataset.sidebar = "folded";
}
