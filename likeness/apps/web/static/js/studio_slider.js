// @ts-check
/** Before and after on one another: a slider says how much shows the result; two clips play as one. */

const box = /** @type {HTMLElement | null} */ (document.querySelector(".compare-box"));
if (box) connect(box);

/** @param {HTMLElement} box */
function connect(box) {
  const find = (/** @type {string} */ selector) => /** @type {any} */ (box.querySelector(selector));
  const [before, after, divider, range] = [find(".before"), find(".after"), find(".divider"), find(".slide")];
  const stage = /** @type {HTMLElement} */ (find(".stage"));
  box.classList.add("slides");
  divider.hidden = false;

  const show = () => {
    const percent = Number(range.value);
    after.style.clipPath = `inset(0 0 0 ${percent}%)`;
    divider.style.left = `${percent}%`;
    range.setAttribute("aria-valuetext", `${100 - percent} %`);
  };
  range.addEventListener("input", show);
  show();

  const drag = (/** @type {PointerEvent} */ event) => {
    const { left, width } = stage.getBoundingClientRect();
    range.value = String(Math.round((100 * (event.clientX - left)) / width));
    show();
  };
  stage.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    event.preventDefault();
    stage.setPointerCapture(event.pointerId);
    stage.addEventListener("pointermove", drag);
    drag(event);
  });
  for (const end of ["pointerup", "pointercancel"]) {
    stage.addEventListener(end, () => stage.removeEventListener("pointermove", drag));
  }
  if (after instanceof HTMLVideoElement) together(box, before, after);
}

/** @param {HTMLElement} box @param {HTMLVideoElement} before @param {HTMLVideoElement} after leads */
function together(box, before, after) {
  const button = /** @type {HTMLButtonElement} */ (box.querySelector("[data-play]"));
  const says = /** @type {HTMLElement} */ (box.querySelector("[data-says]"));
  const [play, pause] = [button.textContent ?? "", button.dataset.pause ?? ""];
  button.addEventListener("click", () => {
    if (after.paused) {
      before.currentTime = after.currentTime;
      Promise.all([after.play(), before.play()]).catch(unplayable);
    } else {
      after.pause();
      before.pause();
      before.currentTime = after.currentTime;
    }
  });
  const unplayable = () => (says.textContent = box.dataset.unplayable ?? "");
  after.addEventListener("play", () => (button.textContent = pause));
  after.addEventListener("pause", () => (button.textContent = play));
  after.addEventListener("timeupdate", () => {
    if (Math.abs(before.currentTime - after.currentTime) > 0.12) before.currentTime = after.currentTime;
  });
  before.addEventListener("error", unplayable);
}
