// @ts-check
/** The verdict page: brings player, timelines, maps and the robustness panel together. */

import { Player } from "./player.js";
import { robustness } from "./robustness.js";
import { Timeline, zoomer } from "./timeline.js";

for (const root of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll(".player"))) {
  if (root.dataset.kind !== "audio") Player.open(root).then((player) => connect(root, player), console.error);
}

/**
 * @param {HTMLElement} root
 * @param {Player} player
 */
function connect(root, player) {
  const bench = root.closest(".bench");
  const lines = [...(bench?.querySelectorAll(".bench-line") ?? [])].map((line) => new Timeline(/** @type {HTMLElement} */ (line), player));
  const buttons = /** @type {HTMLElement | null} */ (bench?.querySelector(".zoomer") ?? null);
  if (buttons && lines.length) zoomer(buttons, lines);
  if (bench) {
    const mapped = new Set(player.view.heats.map((/** @type {any} */ h) => h.detector));
    for (const button of /** @type {NodeListOf<HTMLButtonElement>} */ (document.querySelectorAll("[data-map]"))) {
      const name = button.dataset.map ?? "";
      button.hidden = !mapped.has(name);
      button.addEventListener("click", () => player.showMap(name));
    }
  }
  root.dataset.ready = "";
}

const panel = /** @type {HTMLElement | null} */ (document.querySelector(".robustness-panel"));
if (panel) robustness(panel);
