// Keys in a conversation: walking its messages, folding them, and the parts of the message that has the focus.
import { t } from "../words.js";
import { say } from "../status.js";

const LINE = ".message > summary";
const lines = () => [...document.querySelectorAll(`#reading ${LINE}`)].filter((line) => line.checkVisibility?.() ?? line.offsetParent);
const messages = () => [...document.querySelectorAll("#reading details.message")];

// The message that has the focus, else the last that is open: the one that is read.
export function currentMessage() {
  const focused = document.activeElement?.closest?.("#reading .message") ?? document.activeElement?.closest?.("#reading .letter")?.querySelector(".message");
  return focused ?? messages().filter((message) => message.open).at(-1) ?? messages().at(-1) ?? null;
}

export const hasMessageFocus = () => Boolean(document.activeElement?.closest?.("#reading .message, #reading .letter"));

export function walk(by) {
  const all = lines();
  if (!all.length) return false;
  const focused = hasMessageFocus() ? currentMessage()?.querySelector("summary") : null;
  const at = all.indexOf(focused);
  const line = at < 0 ? all[by > 0 ? 0 : all.length - 1] : all[at + by];
  if (!line) {
    say(by > 0 ? t("This is the last message") : t("This is the first message"));
    return true;
  }
  line.focus({ preventScroll: true });
  line.scrollIntoView({ block: "nearest" });
  return true;
}

export function fold() {
  if (!hasMessageFocus()) return false;
  currentMessage()?.querySelector("summary")?.click();
  return true;
}

export function foldAll(isOpen) {
  const all = messages();
  if (!all.length) return false;
  for (const group of document.querySelectorAll("#reading details.earlier")) group.open = isOpen;
  for (const message of all) message.open = isOpen;
  say(isOpen ? t("All messages are open") : t("All messages are folded"));
  if (!document.activeElement?.checkVisibility?.()) document.getElementById("thread-subject")?.focus();
  return true;
}

export const messageId = () => currentMessage()?.id.replace(/^message-/, "") ?? "";

// A link or button of the current message, else of the whole conversation.
export function pressInMessage(...selectors) {
  for (const root of [currentMessage(), document.getElementById("reading")]) {
    for (const selector of selectors) {
      const button = root?.querySelector(selector);
      if (button) { button.click(); return true; }
    }
  }
  return false;
}
