// Files of a draft: uploaded as soon as they are chosen or dropped, with progress; the list is renewed by the answer.
function prepare() {
  for (const box of document.querySelectorAll('[data-behaviour="upload"]:not([data-live])')) box.dataset.live = "";
}

function fault(box, text) {
  const line = box.querySelector("[data-fault]");
  line.querySelector("span").textContent = text;
  line.hidden = !text;
}

function send(box, data) {
  const form = box.closest("form");
  data.append("csrfmiddlewaretoken", form.elements.csrfmiddlewaretoken.value);
  const progress = box.querySelector("[data-progress]");
  const bar = progress.querySelector("progress");
  const request = new XMLHttpRequest();
  request.open("POST", box.dataset.address);
  request.upload.addEventListener("progress", (event) => {
    progress.hidden = false;
    if (event.lengthComputable) bar.value = (100 * event.loaded) / event.total;
  });
  request.addEventListener("loadend", () => {
    progress.hidden = true;
    if (request.status !== 200 && request.status !== 422) {
      fault(box, box.dataset.failed);
      return;
    }
    // Our own server's fragment, escaped by its templates.
    const fragment = new DOMParser().parseFromString(request.responseText, "text/html").getElementById("files");
    box.replaceWith(document.adoptNode(fragment));
    prepare();
  });
  request.send(data);
}

function upload(box, files) {
  const total = [...files].reduce((sum, file) => sum + file.size, Number(box.dataset.used));
  if (total > Number(box.dataset.limit)) {
    fault(box, `${files[0].name} ${box.dataset.tooLarge}`);
    return;
  }
  fault(box, "");
  const data = new FormData();
  for (const file of files) data.append("files", file);
  send(box, data);
}

document.addEventListener("change", (event) => {
  const box = event.target.closest('[data-behaviour="upload"]');
  if (!box || event.target.type !== "file" || !event.target.files.length) return;
  upload(box, event.target.files);
  event.target.value = "";
});

document.addEventListener("click", (event) => {
  const button = event.target.closest('[data-behaviour="upload"] button[name="remove"]');
  if (!button) return;
  event.preventDefault();
  const data = new FormData();
  data.append("remove", button.value);
  send(button.closest('[data-behaviour="upload"]'), data);
});

for (const name of ["dragover", "dragleave", "drop"]) {
  document.addEventListener(name, (event) => {
    const box = event.target.closest?.('[data-behaviour="compose"]')?.querySelector('[data-behaviour="upload"]');
    if (!box || !event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    box.classList.toggle("is-over", name === "dragover");
    if (name === "drop" && event.dataTransfer.files.length) upload(box, event.dataTransfer.files);
  });
}

document.addEventListener("htmx:load", prepare);
prepare();
