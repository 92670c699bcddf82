// @ts-check
/** The contact sheet: ticks for the whole page, and how many there are. */

const form = /** @type {HTMLFormElement | null} */ (document.querySelector("form.sheet"));
if (form) connect(form);

/** @param {HTMLFormElement} form */
function connect(form) {
  const boxes = /** @type {HTMLInputElement[]} */ ([...form.querySelectorAll("input[type=checkbox]")]);
  const output = /** @type {HTMLOutputElement} */ (form.querySelector("[data-ticked]"));
  const count = () => {
    const ticked = boxes.filter((box) => box.checked).length;
    output.textContent = (output.dataset.words ?? "").replace("{n}", String(ticked));
  };
  for (const button of /** @type {NodeListOf<HTMLElement>} */ (form.querySelectorAll("[data-tick]"))) {
    button.addEventListener("click", () => {
      for (const box of boxes) box.checked = button.dataset.tick === "all";
      count();
    });
  }
  form.addEventListener("change", count);
  count();
}
