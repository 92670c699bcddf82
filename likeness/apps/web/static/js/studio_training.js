// @ts-check
/** A training that goes on: its curves, figures and previews are fetched anew every few seconds. */

const EVERY_MS = 2500;

const training = /** @type {HTMLElement | null} */ (document.querySelector("[data-training]"));
let asked = performance.now();
let asking = false;

training?.addEventListener("progressed", () => {
  if (asking || performance.now() - asked < EVERY_MS) return;
  // Somebody is reading or working in there: not under their hands.
  const focused = document.activeElement;
  if (focused && training.contains(focused) && !focused.closest(".work")) return;
  asking = true;
  renew(training).finally(() => {
    asked = performance.now();
    asking = false;
  });
});

/** All but the progress itself, which is followed on its own. @param {HTMLElement} training */
async function renew(training) {
  const response = await fetch(training.dataset.training ?? "", { headers: { Accept: "text/html" } }).catch(() => null);
  if (!response?.ok) return;
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  const fresh = page.querySelector("[data-training]");
  if (!fresh) return;
  const open = [...training.querySelectorAll("details[open]")].map((details) => details.className);
  for (const old of [...training.children]) if (!old.classList.contains("work")) old.remove();
  for (const part of [...fresh.children]) if (!part.classList.contains("work")) training.append(document.adoptNode(part));
  for (const details of training.querySelectorAll("details")) if (open.includes(details.className)) details.open = true;
}
