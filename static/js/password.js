// Shows or hides what stands in a password field: <button data-behaviour="password" data-for="id" data-hide="Hide">.
function reveal(root) {
  for (const button of root.querySelectorAll('[data-behaviour="password"][hidden]')) button.hidden = false;
}

document.addEventListener("click", (event) => {
  const button = event.target.closest('[data-behaviour="password"]');
  const input = button && document.getElementById(button.dataset.for);
  if (!input) return;
  const shown = input.type === "password";
  input.type = shown ? "text" : "password";
  button.setAttribute("aria-pressed", String(shown));
  [button.textContent, button.dataset.hide] = [button.dataset.hide, button.textContent];
});

document.addEventListener("htmx:load", (event) => reveal(event.target));
reveal(document);
