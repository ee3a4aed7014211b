// What this device remembers of its panes: widths in pixels by the name of their border, and whether the sidebar is folded.
// Written here, applied before the first paint by early.js. A browser without storage just forgets.
const KEY = "pillarbox.panes";

function read() {
  try {
    return JSON.parse(localStorage.getItem(KEY) ?? "{}") ?? {};
  } catch {
    return {};
  }
}

export function keep(changes) {
  const values = { ...read(), ...changes };
  for (const [name, value] of Object.entries(values)) if (value === null) delete values[name];
  try {
    localStorage.setItem(KEY, JSON.stringify(values));
  } catch {
    return false;
  }
  return true;
}
