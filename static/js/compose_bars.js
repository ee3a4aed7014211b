// The bars above a message being written: what they say stands in templates of the page, what they show of a draft is put in as
// text only. A bar never covers or moves what is being typed into.
export const box = (form) => form.querySelector("[data-bars]");

export const words = (form, name) => box(form).dataset[`words${name[0].toUpperCase()}${name.slice(1)}`] ?? "";

// Show a bar and return it; one of a kind, unless it shows a version. `acts` are called by the buttons, which then close it.
export function open(form, name, { version = null, acts = {} } = {}) {
  const shown = version ? null : box(form).querySelector(`[data-name="${name}"]`);
  if (shown) return shown;
  const bar = form.querySelector(`template[data-bar="${name}"]`).content.firstElementChild.cloneNode(true);
  bar.dataset.name = name;
  if (version) fillIn(bar, version);
  bar.addEventListener("click", (event) => {
    const act = acts[event.target.closest("[data-do]")?.dataset.do];
    if (!act) return;
    bar.remove();
    act();
  });
  box(form).append(bar);
  return bar;
}

export function close(form, name) {
  box(form).querySelector(`[data-name="${name}"]`)?.remove();
}

function fillIn(bar, version) {
  const put = (name, text) => { const node = bar.querySelector(`[data-${name}]`); if (node) node.textContent = text; };
  put("at", version.saved_at ?? "");
  put("to", [version.to, version.cc, version.bcc].filter(Boolean).join(", "));
  put("subject", version.subject ?? "");
  put("text", version.text ?? "");
}
