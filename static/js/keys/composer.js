// Keys of the page where a message is written: its own buttons, pressed.
const form = () => document.querySelector('[data-behaviour="compose"]');

function press(act) {
  const button = form()?.querySelector(`button[name="act"][value="${act}"]`);
  if (!button) return false;
  form().requestSubmit(button);
  return true;
}

export const composerCommands = {
  send: () => press("send"),
  send_archive: () => press("send_archive"),
  save_draft: () => press("save"),
};
