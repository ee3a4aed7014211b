// The unread count where people see it without looking at the page: title, icon of the tab, badge of the installed app. The sync
// menu (#sync-state) carries it as the server counts; tabs tell each other.
import { say } from "../status.js";
import { figure, tn } from "../words.js";
import { onPost, post } from "./stream.js";

const ICON_PX = 64;
const link = document.querySelector('link[rel="icon"]');
const plain = link?.href;
const holder = () => document.getElementById("sync-state");
const unreadHere = () => Number(holder()?.dataset.unread ?? 0);
let told = null;
let picture = null;

const prefix = (unread) => (unread ? `(${figure(unread)}) ` : "");

// Whoever wrote the title put a number there that is known here too; a subject that begins with another one keeps it.
function setTitle(unread) {
  const numbers = [told, unread, unreadHere(), Number(document.getElementById("list")?.dataset.unread)].filter(Boolean);
  const old = numbers.map(prefix).find((begin) => document.title.startsWith(begin)) ?? "";
  const wanted = prefix(unread) + document.title.slice(old.length);
  if (document.title !== wanted) document.title = wanted;
}

async function setIcon(unread) {
  if (!link) return;
  if (!unread) { link.href = plain; link.type = "image/svg+xml"; return; }
  picture ??= await load(plain);
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = ICON_PX;
  const pen = canvas.getContext("2d");
  pen.drawImage(picture, 0, 0, ICON_PX, ICON_PX);
  badge(pen, unread > 99 ? "•" : String(unread));
  link.type = "image/png";
  link.href = canvas.toDataURL("image/png");
}

function load(address) {
  const image = new Image(ICON_PX, ICON_PX);
  image.src = address;
  return image.decode().then(() => image);
}

function badge(pen, text) {
  const radius = 20;
  const [x, y] = [ICON_PX - radius, ICON_PX - radius];
  pen.fillStyle = "#b42318";
  pen.strokeStyle = "#ffffff";
  pen.lineWidth = 4;
  pen.beginPath();
  pen.arc(x, y, radius - 2, 0, 2 * Math.PI);
  pen.fill();
  pen.stroke();
  pen.fillStyle = "#ffffff";
  pen.font = `700 ${text.length > 1 ? 24 : 30}px system-ui, sans-serif`;
  pen.textAlign = "center";
  pen.textBaseline = "middle";
  pen.fillText(text, x, y + 2);
}

function show(unread) {
  setTitle(unread);
  if (unread === told) return;
  const more = told === null ? 0 : unread - told;
  told = unread;
  setIcon(unread).catch(() => {}); // a browser that draws no such picture keeps the plain one
  if (unread) navigator.setAppBadge?.(unread).catch(() => {});
  else navigator.clearAppBadge?.().catch(() => {});
  if (more > 0 && !document.hidden) say(tn("{n} new unread", "{n} new unread", more), { channel: "mail" });
}

function renewed() {
  if (!holder()) return;
  const unread = unreadHere();
  if (unread !== told) post("unread", { unread });
  show(unread);
}

onPost("unread", ({ unread }) => {
  if (holder()) holder().dataset.unread = String(unread);
  show(unread);
});
for (const name of ["pillarbox:renewed", "htmx:afterSettle", "htmx:oobAfterSwap"]) document.addEventListener(name, renewed);
// Whoever writes the title of the page need not know of the count.
const title = document.querySelector("title");
if (title) new MutationObserver(() => setTitle(told ?? unreadHere())).observe(title, { childList: true });
renewed();
