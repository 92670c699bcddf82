// @ts-check
/** Every page of the studio: forms that say what is wrong without losing what was typed, and jobs that are followed to their end. */

import { follow, token, words } from "./common.js";

const sending = JSON.parse(document.getElementById("studio-texts")?.textContent ?? "{}");

for (const form of /** @type {NodeListOf<HTMLFormElement>} */ (document.querySelectorAll("form[data-send]"))) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    send(form);
  });
}

/** @param {HTMLFormElement} form */
function send(form) {
  const button = /** @type {HTMLButtonElement | null} */ (form.querySelector("button[type=submit]"));
  const sends = form.querySelector("[data-sends]");
  const says = form.querySelector("[data-says]");
  const request = new XMLHttpRequest(); // fetch does not tell how much of a file has left
  const refuse = (/** @type {string} */ sentence) => {
    if (button) button.disabled = false;
    if (sends) sends.textContent = "";
    if (says) says.textContent = sentence;
  };
  if (button) button.disabled = true;
  if (says) says.textContent = "";
  if (sends) sends.textContent = sending.working;
  const body = form.enctype === "multipart/form-data" ? new FormData(form) : new URLSearchParams(/** @type {any} */ (new FormData(form)));
  request.open("POST", form.action);
  request.setRequestHeader("X-CSRF-Token", token());
  request.setRequestHeader("Accept", "application/json");
  request.responseType = "json";
  request.upload.addEventListener("progress", (event) => {
    const percent = Math.round((100 * event.loaded) / (event.total || 1));
    if (sends && percent < 100 && event.total > 1e6) sends.textContent = sending.sending.replace("{percent}", String(percent));
  });
  request.addEventListener("load", () => {
    const location = request.response?.location;
    if (request.status === 201 && location) go(location);
    else refuse(request.response?.error ?? words.errors.upload);
  });
  request.addEventListener("error", () => refuse(words.errors.network));
  request.send(body);
}

/** An address of this very page is loaded anew, its fragment included. @param {string} address */
function go(address) {
  const wanted = new URL(address, location.href);
  const here = wanted.pathname === location.pathname;
  if (here) history.replaceState(null, "", wanted);
  if (here) location.reload();
  else location.assign(wanted);
}

for (const section of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("[data-job]"))) {
  const bar = /** @type {HTMLProgressElement} */ (section.querySelector("progress"));
  const message = /** @type {HTMLElement} */ (section.querySelector("[data-message]"));
  follow(section.dataset.job ?? "", (job) => {
    bar.value = job.progress;
    if (message.textContent !== job.message) message.textContent = job.message;
    if (!["queued", "running"].includes(job.state)) location.reload();
    else section.dispatchEvent(new CustomEvent("progressed", { bubbles: true }));
  });
}
