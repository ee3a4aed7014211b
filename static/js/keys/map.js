// The keys of the person as the server keeps them: every command with its words, its group, its place and its keys.
const place = document.getElementById("keymap");
let data = place ? JSON.parse(place.textContent) : { preset: "off", note: "", groups: {}, commands: [] };

export const keymap = () => data;
export const commandOf = (name) => data.commands.find((command) => command.name === name);
export const keysOf = (name) => commandOf(name)?.keys ?? [];

// After a change in the settings: keys, overlay and tooltips follow at once.
export function replaceMap(fresh) {
  data = fresh;
  document.dispatchEvent(new CustomEvent("pillarbox:keymap"));
}
