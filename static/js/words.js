// The words of our scripts in the reader's language. English stands in the code and is its own key; a catalogue of another
// language is put on `window.pillarboxWords` by a script of its own, before this one:
// { plural: (n) => index, texts: { "Archived": "Archiviert", "{n} new": ["{n} neue", "{n} neue"] } }
const catalogue = window.pillarboxWords ?? { plural: (n) => (n === 1 ? 0 : 1), texts: {} };

const fill = (text, values) => text.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));

// t("Moved to {name}", { name })
export const t = (text, values = {}) => fill(catalogue.texts[text] ?? text, values);

// tn("{n} new message", "{n} new messages", n): the form for this number. `n` is written in the reader's figures.
export function tn(one, many, n, values = {}) {
  const forms = catalogue.texts[many] ?? [one, many];
  return fill(forms[catalogue.plural(n)] ?? forms.at(-1), { n: figure(n), ...values });
}

export const language = document.documentElement.lang || "en";
export const figure = (n) => new Intl.NumberFormat(language).format(n);
export const isRightToLeft = () => document.documentElement.dir === "rtl";
