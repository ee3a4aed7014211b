// Two versions of a draft: that of another window, and what this device kept of a page that died. Both stay until the person
// has chosen; each is shown as text.
import * as bars from "./compose_bars.js";
import { body, dropHere, failed, keepHere, plain, save, show, signedOut, stateOf, valuesOf } from "./compose_saving.js";
import * as local from "./drafts_local.js";

function fill(form, version) {
  for (const name of local.FIELDS) {
    if (form.elements[name] && version[name] !== undefined && (name !== "identity" || version[name])) form.elements[name].value = version[name];
  }
  if (form.elements.cc?.value || form.elements.bcc?.value) form.elements.cc.closest("details")?.setAttribute("open", "");
}

// What the buttons of a bar do that shows `other`, the version of another window.
export function actsOf(form, other) {
  const state = stateOf(form);
  return {
    "fork-mine": () => fork(form, valuesOf(form), () => dropHere(form)),
    "use-other": () => {
      fill(form, other);
      form.elements.revision.value = other.revision;
      state.saved = JSON.stringify(valuesOf(form));
      state.stopped = false;
      dropHere(form);
      show(form, "saved", { at: other.saved_at });
    },
    "use-mine": () => {
      form.elements.revision.value = other.revision;
      state.saved = "";
      state.stopped = false;
      save(form);
    },
    "keep-mine": () => make(form, bars.box(form).dataset.keep, valuesOf(form), () => dropHere(form)),
    leave: () => { dropHere(form); leave(form); location.assign(form.elements.back.value); },
  };
}

export function leave(form) {
  stateOf(form).leaving = true;
}

// A second draft with these values, in the account of the first.
function fork(form, values, done) {
  return make(form, form.action, values, done, "fork");
}

// Have the server make another draft, and go to it. What was kept here of its text goes only when it is there.
async function make(form, address, values, done, act = "save") {
  const data = body(form);
  for (const name of local.FIELDS) if (values[name] || name !== "identity") data.set(name, values[name] ?? "");
  data.set("act", act);
  try {
    const answer = await fetch(address, { method: "POST", body: data, credentials: "same-origin" });
    const place = new URL(answer.url);
    if (!answer.ok || !place.pathname.startsWith("/compose/d")) {
      signedOut(form);
      return;
    }
    done();
    leave(form);
    location.assign(place);
  } catch {
    failed(form, "offline");
  }
}

// What this device has kept of the draft is offered, unless the server has the very same.
export function offer(form) {
  const { owner, draft } = bars.box(form).dataset;
  const state = stateOf(form);
  if (state.stopped) return;
  const here = plain(valuesOf(form));
  for (const copy of local.find(owner, draft)) {
    if (plain(copy) === here) {
      local.forget(copy.key);
      continue;
    }
    const isNewer = copy.revision >= Number(form.elements.revision.value) || copy.sent === here;
    const bar = bars.open(form, isNewer ? "newer" : "parted", {
      version: { ...copy, saved_at: new Date(copy.at).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", hourCycle: "h23" }) },
      acts: {
        "use-local": () => { fill(form, copy); local.forget(copy.key); keepHere(form); save(form); },
        "fork-local": () => fork(form, copy, () => local.forget(copy.key)),
        "drop-local": () => local.forget(copy.key),
      },
    });
    local.onSettled(copy.key, () => bar.remove());
  }
}
