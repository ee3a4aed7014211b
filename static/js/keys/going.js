// Commands that lead somewhere: the lines of the sidebar, an account, and the pickers that lead to a place.
import { openPicker } from "../organise/picker.js";
import { openPalette } from "./palette.js";

const ACCOUNTS = 9;

// Clicks the first element that one of these finds.
export function pressFirst(...selectors) {
  const found = selectors.map((selector) => document.querySelector(selector)).find(Boolean);
  found?.click();
  return Boolean(found);
}

const go = (key) => () => pressFirst(`#nav-${key}`);

function account(number) {
  const heads = document.querySelectorAll(".sidebar details.account");
  const link = heads[number - 1]?.querySelector(".nav__item[href]");
  link?.click();
  return Boolean(link);
}

export const goCommands = {
  go_inbox: go("inbox"),
  go_unread: go("unread"),
  go_starred: go("starred"),
  go_drafts: go("drafts"),
  go_sent: go("sent"),
  go_scheduled: go("scheduled"),
  go_all: go("all"),
  go_searches: () => openPalette({ kind: "search" }),
  go_label: () => (document.getElementById("list") ? openPicker("goto") !== false : openPalette({ kind: "mailbox" })),
  ...Object.fromEntries(Array.from({ length: ACCOUNTS }, (_, at) => [`account_${at + 1}`, () => account(at + 1)])),
};
