// The page for paper opens the browser's print dialog once every frame on it has its height, or after a moment.
const WAIT_MS = 3_000;

function whenMeasured() {
  return new Promise((resolve) => {
    const isReady = () => [...document.querySelectorAll('[data-behaviour~="frame"]')].every((one) => one.classList.contains("is-measured"));
    const until = performance.now() + WAIT_MS;
    const look = () => (isReady() || performance.now() > until ? resolve() : setTimeout(look, 100));
    look();
  });
}

document.addEventListener("click", (event) => { if (event.target.closest("[data-prints]")) window.print(); });

if (document.querySelector('[data-behaviour~="print"]')) {
  // A frame that is far down is not loaded by itself.
  for (const frame of document.querySelectorAll(".message__frame")) frame.loading = "eager";
  document.fonts.ready.then(whenMeasured).then(() => { if (!navigator.webdriver) window.print(); });
}
