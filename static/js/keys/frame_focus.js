// Keys while somebody reads in the frame of a message. The frame is of an opaque origin and runs nothing (security R2), so no
// press in it ever reaches us. What can be done is done from outside:
//
// - A press of the pointer that gives the frame the focus (the window loses it, the frame is the active element, no Tab before)
//   is answered by giving the focus to the line of the message a moment later. What is selected in the frame stays selected.
// - The frame is lent the focus again as soon as Ctrl or Cmd goes down, when the press into it was the last thing done: Ctrl+C
//   and Ctrl+A then act on its text. It comes back with the pointer over the page, or after LENT_MS.
// - A second press without a key between (a double click, or the context menu over what was selected) leaves the focus there
//   for longer, because the menu's Copy acts on what has the focus; the pointer over the page ends it at once.
// - A frame reached by Tab keeps the focus, so that its links can be walked; Tab or Shift+Tab leaves it.
//
// Not possible: a press into a frame that was reached by Tab tells nobody, so the focus stays there until Tab leaves it; a
// chord such as Ctrl+K as the very first press after a click into the text goes to the browser (it may be a copy); keys within
// LENT_MS of a double click or a copy go to the frame; nothing says which button was pressed there.
const FRAME = "iframe.message__frame";
const TAB_MS = 250; // from Tab to the loss of the focus
const RETURN_MS = 150; // a press is over, or a selection is being drawn: that goes on without the focus
const LENT_MS = 2_500;

let tabAt = -Infinity;
let lastPressed = null; // the frame that was pressed into, while nothing else has been done since
let timer = 0;

const focusedFrame = () => (document.activeElement?.matches?.(FRAME) ? document.activeElement : null);

function takeBack(frame) {
  clearTimeout(timer);
  if (focusedFrame() !== frame) return;
  const line = frame.closest(".message, .letter")?.querySelector("summary") ?? document.getElementById("thread-scroll");
  line?.focus({ preventScroll: true, focusVisible: false });
}

function takeBackAfter(frame, ms) {
  clearTimeout(timer);
  timer = setTimeout(() => takeBack(frame), ms);
}

window.addEventListener("blur", () => {
  // Which element has the focus is known only after the event.
  queueMicrotask(() => {
    const frame = focusedFrame();
    if (!frame || performance.now() - tabAt < TAB_MS) return;
    takeBackAfter(frame, lastPressed === frame ? LENT_MS : RETURN_MS);
    lastPressed = frame;
  });
});

window.addEventListener("focus", () => { tabAt = -Infinity; });
document.addEventListener("keydown", (event) => {
  if (event.key === "Tab") tabAt = performance.now();
  const isChord = event.key === "Control" || event.key === "Meta";
  if (isChord && lastPressed?.isConnected && !event.altKey && !event.shiftKey) {
    lastPressed.focus({ preventScroll: true });
    return;
  }
  lastPressed = null;
}, true);
document.addEventListener("pointerdown", () => { lastPressed = null; }, true);
document.addEventListener("pointermove", (event) => {
  if (lastPressed && !event.buttons && focusedFrame() === lastPressed) takeBack(lastPressed);
}, { passive: true });
