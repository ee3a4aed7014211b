// Acts done without a network: they wait here, also over a reload, and are sent in order when the network is back.
// `acts.js` hands an act over when its POST could not leave: enqueue(fields). Events on document: pillarbox:queue {count}.
import { showToast } from "../toasts.js";
import { t } from "../words.js";

const LONGEST = 200; // acts; more are refused, the page says so
const user = document.body.dataset.user ?? "";
const KEY = `pillarbox:queue:${user}`;

function read() {
  try {
    const found = JSON.parse(localStorage.getItem(KEY) ?? "[]");
    return Array.isArray(found) ? found : [];
  } catch { return []; }
}

function write(acts) {
  try {
    if (acts.length) localStorage.setItem(KEY, JSON.stringify(acts));
    else localStorage.removeItem(KEY);
  } catch { return false; }
  tell(acts);
  return true;
}

function tell(acts = read()) {
  document.dispatchEvent(new CustomEvent("pillarbox:queue", { detail: { count: acts.length } }));
  mark(acts);
}

// Rows whose act waits carry a clock.
export function mark(acts = read()) {
  const waiting = new Set(acts.flatMap((act) => act.fields.filter(([name]) => name === "ids").map(([, id]) => id)));
  for (const row of document.querySelectorAll("#rows > .row")) {
    const isWaiting = waiting.has(row.dataset.id);
    row.classList.toggle("row--waiting", isWaiting);
    const had = row.querySelector(".row__waiting");
    if (isWaiting && !had) (row.querySelector(".row__icons") ?? row).append(clock());
    else if (!isWaiting) had?.remove();
  }
}

function clock() {
  const sign = document.createElement("span");
  sign.className = "row__waiting";
  sign.setAttribute("role", "img");
  sign.setAttribute("aria-label", t("Waits for the network"));
  sign.title = t("Waits for the network");
  return sign;
}

export const pending = () => read().length;

// `fields` as of a FormData or [[name, value], …], for POST /mail/act. False: it cannot be kept, say so to the person.
export function enqueue(fields, address = "/mail/act") {
  const pairs = [...(fields instanceof FormData || fields instanceof URLSearchParams ? fields.entries() : fields)]
    .filter(([name]) => name !== "csrfmiddlewaretoken");
  const acts = read();
  if (!user || acts.length >= LONGEST) return false;
  return write([...acts, { address, fields: pairs.map(([name, value]) => [name, String(value)]), at: Date.now() }]);
}

const token = () => JSON.parse(document.body.getAttribute("hx-headers") ?? "{}")["X-CSRFToken"] ?? "";

// Send what waits, the oldest first, from one tab only. Resolves with whether everything has left.
export async function flush() {
  if (!pending()) return true;
  const send = async () => {
    for (let acts = read(); acts.length; acts = read()) {
      if (!await sendOne(acts[0])) return false;
      write(read().slice(1));
    }
    document.dispatchEvent(new CustomEvent("pillarbox:queue-sent"));
    return true;
  };
  return navigator.locks ? navigator.locks.request(`${KEY}:sending`, send) : send();
}

async function sendOne({ address, fields }) {
  try {
    const answer = await fetch(address, {
      method: "POST",
      body: new URLSearchParams(fields),
      headers: { "HX-Request": "true", "X-CSRFToken": token() },
      credentials: "same-origin",
    });
    if (answer.status === 401 || answer.status >= 500) return false; // kept: the session ended, or the server will be back
    if (!answer.ok) showToast(t("Something you did while offline could not be done. Nothing else was changed."));
    return true;
  } catch { return false; }
}

document.addEventListener("pillarbox:renewed", () => mark());
addEventListener("storage", (event) => { if (event.key === KEY) tell(); });
