// @ts-check
/** The page of a job that waits or runs: follows it, and becomes the page of its result when it has ended. */

import { ask, follow } from "./common.js";

const section = /** @type {HTMLElement} */ (document.querySelector("[data-job]"));
const id = section.dataset.job ?? "";
const bar = /** @type {HTMLProgressElement} */ (section.querySelector("progress"));
const message = /** @type {HTMLElement} */ (section.querySelector("[data-message]"));

follow(id, (job) => {
  bar.value = job.progress;
  if (message.textContent !== job.message) message.textContent = job.message;
  if (!["queued", "running"].includes(job.state)) location.replace(`/jobs/${id}`);
});

const cancel = /** @type {HTMLButtonElement} */ (section.querySelector("[data-cancel]"));
cancel.addEventListener("click", (event) => {
  event.preventDefault();
  cancel.disabled = true;
  ask(`/api/jobs/${id}/cancel`, { method: "POST" }).then(
    () => location.replace(`/jobs/${id}`),
    (error) => {
      cancel.disabled = false;
      message.textContent = error.message;
    },
  );
});
