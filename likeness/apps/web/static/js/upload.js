// @ts-check
/** The start page: files that are dropped, chosen or pasted go to the workbench one by one, and each is followed on its own line. */

import { element, fill, follow, token, words } from "./common.js";

const AT_A_TIME = 2;

const form = /** @type {HTMLFormElement} */ (document.querySelector(".drop"));
const list = /** @type {HTMLElement} */ (document.querySelector(".uploads"));
const says = /** @type {HTMLElement} */ (document.querySelector("[data-says]"));
const largest = Number(form.dataset.largest);
/** @type {{file: File, line: Line}[]} */
const waiting = [];
let running = 0;
let only = true; // one file alone: its page is opened as soon as it is here

/** One file of the list. */
class Line {
  /** @param {File} file */
  constructor(file) {
    this.bar = /** @type {HTMLProgressElement} */ (element("progress", { max: "1", value: "0", "aria-label": file.name }));
    this.does = element("p", { class: "does" }, words.scripts.waiting);
    this.end = element("span");
    this.root = element("li", {}, element("span", { class: "file" }, file.name), this.end, this.bar, this.does);
    list.append(this.root);
  }

  /** @param {number} share 0 to 1 @param {string} text */
  show(share, text) {
    this.bar.value = share;
    if (this.does.textContent !== text) this.does.textContent = text;
  }

  /** @param {any} job */
  follow(job) {
    this.end.replaceChildren(element("a", { href: `/jobs/${job.id}` }, words.scripts.open));
    this.end.hidden = true;
    follow(job.id, (now) => {
      this.show(now.progress, now.message);
      if (now.state === "done") this.done(now);
      else if (!["queued", "running"].includes(now.state)) this.fail(now.message);
    });
  }

  /** @param {any} job */
  done(job) {
    this.bar.hidden = true;
    this.end.hidden = false;
    const chip = element("span", { class: `chip tone-${words.tones[job.label]}` }, `${words.signs[job.label]} ${words.words[job.label]}`);
    this.does.replaceChildren(chip);
    says.textContent = `${job.file_name}: ${words.words[job.label]}`;
  }

  /** @param {string} sentence */
  fail(sentence) {
    this.bar.hidden = true;
    this.does.classList.add("wrong");
    this.does.textContent = sentence;
    says.textContent = sentence;
  }
}

/** @param {File[]} files */
function take(files) {
  if (!files.length) return;
  only = only && files.length === 1 && !list.children.length;
  /** @type {HTMLElement} */ (document.querySelector(".queue")).hidden = false;
  for (const file of files) waiting.push({ file, line: new Line(file) });
  next();
}

function next() {
  while (running < AT_A_TIME && waiting.length) {
    const { file, line } = /** @type {{file: File, line: Line}} */ (waiting.shift());
    running += 1;
    send(file, line).then(
      (job) => (only ? location.assign(`/jobs/${job.id}`) : line.follow(job)),
      (error) => line.fail(error.message),
    ).finally(() => {
      running -= 1;
      next();
    });
  }
}

/**
 * @param {File} file
 * @param {Line} line
 * @returns {Promise<any>} the job
 */
function send(file, line) {
  return new Promise((resolve, reject) => {
    if (file.size > largest) return reject(new Error(words.errors.too_large));
    const request = new XMLHttpRequest(); // fetch does not tell how much of a file has left
    const body = new FormData();
    body.append("csrf", token());
    body.append("file", file, file.name);
    request.open("POST", "/api/jobs");
    request.setRequestHeader("X-CSRF-Token", token());
    request.setRequestHeader("Accept", "application/json");
    request.responseType = "json";
    request.upload.addEventListener("progress", (event) => line.show(event.loaded / (event.total || 1), words.scripts.uploading));
    request.addEventListener("load", () => {
      if (request.status === 201) resolve(request.response.jobs[0]);
      else reject(new Error(request.response?.error ?? words.errors.upload));
    });
    request.addEventListener("error", () => reject(new Error(words.errors.network)));
    request.send(body);
  });
}

/** Files of what was dropped, folders included. @param {DataTransfer} data @returns {Promise<File[]>} */
async function dropped(data) {
  const entries = [...data.items].map((item) => item.webkitGetAsEntry?.() ?? null);
  const files = [...data.files]; // must be read before the first wait
  if (!entries.some((entry) => entry?.isDirectory)) return files;
  const found = await Promise.all(entries.map((entry) => (entry ? below(entry) : [])));
  return found.flat();
}

/** @param {any} entry @returns {Promise<File[]>} */
async function below(entry) {
  if (entry.name.startsWith(".")) return [];
  if (entry.isFile) return [await new Promise((resolve, reject) => entry.file(resolve, reject))];
  const reader = entry.createReader();
  /** @type {File[]} */
  const files = [];
  for (;;) {
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject)); // at most 100 at a time
    if (!some.length) return files;
    for (const inner of some) files.push(...(await below(inner)));
  }
}

for (const input of /** @type {NodeListOf<HTMLInputElement>} */ (form.querySelectorAll("input[type=file]"))) {
  input.addEventListener("change", () => {
    const files = [...(input.files ?? [])].filter((file) => !file.name.startsWith("."));
    take(files);
    input.value = "";
  });
}
form.addEventListener("submit", (event) => event.preventDefault());
for (const name of ["dragenter", "dragover"]) {
  document.addEventListener(name, (event) => {
    event.preventDefault();
    form.classList.add("over");
  });
}
document.addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) form.classList.remove("over");
});
document.addEventListener("drop", (event) => {
  event.preventDefault();
  form.classList.remove("over");
  if (event.dataTransfer) dropped(event.dataTransfer).then(take, (error) => (says.textContent = fill("{e}", { e: error.message })));
});
document.addEventListener("paste", (event) => take([...(event.clipboardData?.files ?? [])]));
