// The parts of a mail page that the modules of the list look up, and the address of the list.

export const listElement = () => document.getElementById("list");
export const rowsElement = () => document.getElementById("rows");
export const paneElement = () => document.getElementById("list-scroll");
export const rows = () => [...document.querySelectorAll("#rows > .row")];
export const rowOf = (node) => node?.closest?.("#rows > .row") ?? null;
export const rowById = (id) => (id ? document.getElementById(`row-${id}`) : null);
export const openThread = () => document.querySelector("#reading .thread");
export const openId = () => openThread()?.dataset.id ?? "";

// On narrow screens, and without a pane, list and thread take turns: CSS decides which of them is there.
export const isListShown = () => Boolean(listElement()?.getClientRects().length);

// The address of this list with further parameters; those that are empty are left out.
export function listAddress(parameters = {}) {
  const address = new URL(listElement().dataset.address, location.href);
  for (const [name, value] of Object.entries(parameters)) {
    if (value === "" || value === 0 || value === undefined || value === null) address.searchParams.delete(name);
    else address.searchParams.set(name, value);
  }
  return address.pathname + address.search;
}

// Whether an address leads to the list that is here, whatever is open in it and wherever it begins.
export function isThisList(href) {
  const plain = (address) => {
    const found = new URL(address, location.href);
    for (const name of ["t", "at", "n"]) found.searchParams.delete(name);
    found.searchParams.sort();
    return found.pathname + found.search;
  };
  return Boolean(listElement()) && plain(href) === plain(listElement().dataset.address);
}
