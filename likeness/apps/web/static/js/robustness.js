// @ts-check
/** The panel "what would change this answer": starts the trial, follows it, and puts the curves in its place. */

import { ask, follow } from "./common.js";

/** @param {HTMLElement} panel */
export function robustness(panel) {
  const button = /** @type {HTMLButtonElement | null} */ (panel.querySelector("[data-try]"));
  button?.addEventListener("click", async () => {
    button.disabled = true;
    try {
      await ask(`/api/jobs/${panel.dataset.job}/derive`, { method: "POST", body: { kind: "robustness" } });
      await renew(panel);
    } catch (error) {
      button.disabled = false;
      const says = panel.querySelector("[data-says]");
      if (says) says.textContent = /** @type {Error} */ (error).message;
    }
  });
  if (panel.dataset.trial) watch(panel, panel.dataset.trial);
}

/** @param {HTMLElement} panel @param {string} trial */
function watch(panel, trial) {
  follow(trial, (job) => {
    const message = panel.querySelector("[data-message]");
    if (message && message.textContent !== job.message) message.textContent = job.message;
    const bar = panel.querySelector("progress");
    if (bar) bar.value = job.progress;
    if (!["queued", "running"].includes(job.state)) renew(panel);
  });
}

/** Fetch the panel as it is now; the workbench escapes everything in it. @param {HTMLElement} panel */
async function renew(panel) {
  const response = await fetch(`/jobs/${panel.dataset.job}/robustness`, { headers: { Accept: "text/html" } });
  if (!response.ok || !panel.isConnected) return;
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  const fresh = /** @type {HTMLElement | null} */ (page.querySelector(".robustness-panel"));
  if (!fresh) return;
  panel.replaceWith(fresh);
  robustness(fresh);
}
