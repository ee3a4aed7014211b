// What a few letters find, and in which order: words that begin with them, then those that hold them, then letters in order.
const MARKS = /\p{M}+/gu;

export const folded = (text) => text.normalize("NFKD").replace(MARKS, "").toLowerCase().replaceAll("ß", "ss").replaceAll("ø", "o").replaceAll("ł", "l").trim();

// Whether every word sought is somewhere in a folded text.
export const fits = (sought, text) => sought.split(/\s+/).every((word) => text.includes(word));

// 0: not found; higher is better. Both are folded.
function score(sought, text) {
  if (!sought) return 1;
  const at = text.indexOf(sought);
  if (at === 0) return text.length === sought.length ? 100 : 90;
  if (at > 0) return /[\s/,.:@-]/.test(text[at - 1]) ? 80 : 60;
  const words = sought.split(/\s+/);
  if (words.length > 1 && words.every((word) => text.includes(word))) return 70;
  return inOrder(sought, text) ? 20 : 0;
}

function inOrder(sought, text) {
  let at = 0;
  for (const letter of sought) {
    if (letter === " ") continue;
    at = text.indexOf(letter, at) + 1;
    if (!at) return false;
  }
  return true;
}

// The best of `entries` ({name, find, more}): recently used first among those that fit as well as a word's beginning.
export function best(entries, sought, recent, limit) {
  const found = [];
  for (const [place, entry] of entries.entries()) {
    const points = Math.max(score(sought, entry.find), entry.more ? score(sought, entry.more) - 10 : 0);
    if (points <= 0) continue;
    const used = recent.indexOf(entry.id);
    const isRecent = used >= 0 && (!sought || points >= 20);
    found.push({ entry, place, rank: isRecent ? 1_000 - used : points });
  }
  found.sort((a, b) => b.rank - a.rank || a.place - b.place);
  return found.slice(0, limit).map(({ entry }) => entry);
}
