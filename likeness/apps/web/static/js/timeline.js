// @ts-check
/** Timelines that seek: a playhead over the lanes, click, drag and keys, and a zoom that all of them share. */

import { clock, element } from "./common.js";

const ZOOMS = [1, 2, 4, 8, 16];

/** @typedef {{times_s: number[], at: number[]}} Axis from seconds to percent; the time between stretches is cut out */

/** @param {number[]} from @param {number[]} to @param {number} value straight lines between knots, as numpy.interp draws them */
export function interpolate(from, to, value) {
  if (value <= from[0]) return to[0];
  for (let i = 1; i < from.length; i += 1) {
    if (value <= from[i]) {
      const width = from[i] - from[i - 1];
      return width > 0 ? to[i - 1] + ((value - from[i - 1]) / width) * (to[i] - to[i - 1]) : to[i];
    }
  }
  return to[to.length - 1];
}

export class Timeline {
  /**
   * @param {HTMLElement} root .bench-line
   * @param {import("./player.js").Player} player
   */
  constructor(root, player) {
    this.player = player;
    /** @type {Axis} */
    this.axis = player.view.axis;
    this.scroller = /** @type {HTMLElement} */ (root.querySelector(".scroller"));
    this.board = /** @type {HTMLElement} */ (root.querySelector(".board"));
    this.dragged = false;
    this.head = element("div", { class: "playhead" });
    this.slider = element(
      "div",
      {
        class: "seek",
        role: "slider",
        tabindex: "0",
        "aria-label": root.dataset.name ?? "",
        "aria-valuemin": "0",
        "aria-valuemax": this.axis.times_s[this.axis.times_s.length - 1].toFixed(2),
      },
      this.head,
    );
    this.board.append(this.slider);
    this.slider.addEventListener("pointerdown", (event) => this.drag(event));
    this.slider.addEventListener("keydown", (event) => this.key(event));
    player.listeners.push((time) => this.show(time));
    this.show(player.source.time);
  }

  /** @param {number} time */
  show(time) {
    const at = interpolate(this.axis.times_s, this.axis.at, time);
    this.head.style.left = `${at}%`;
    this.slider.setAttribute("aria-valuenow", time.toFixed(2));
    this.slider.setAttribute("aria-valuetext", clock(time));
    if (!this.dragged) this.keepInView(at);
  }

  /** @param {number} at percent */
  keepInView(at) {
    if (this.scroller.scrollWidth <= this.scroller.clientWidth) return;
    const x = this.slider.offsetLeft + (at / 100) * this.slider.offsetWidth;
    const [left, width] = [this.scroller.scrollLeft, this.scroller.clientWidth];
    if (x < left + this.slider.offsetLeft || x > left + width) this.scroller.scrollLeft = x - width / 2;
  }

  /** @param {PointerEvent} event */
  drag(event) {
    if (event.button !== 0) return;
    const seek = (/** @type {PointerEvent} */ e) => {
      const box = this.slider.getBoundingClientRect();
      const at = (100 * (e.clientX - box.left)) / box.width;
      this.player.seek(interpolate(this.axis.at, this.axis.times_s, Math.min(100, Math.max(0, at))));
    };
    this.slider.setPointerCapture(event.pointerId);
    this.slider.addEventListener("pointermove", seek);
    this.dragged = true;
    const end = () => {
      this.dragged = false;
      this.slider.removeEventListener("pointermove", seek);
    };
    this.slider.addEventListener("pointerup", end, { once: true });
    this.slider.addEventListener("pointercancel", end, { once: true });
    seek(event);
  }

  /** Page keys go from finding to finding; the others are the player's. @param {KeyboardEvent} event */
  key(event) {
    const starts = [...new Set(this.player.view.spans.map((/** @type {any} */ s) => s.start_s))].sort((a, b) => a - b);
    const now = this.player.source.time;
    const edge = 1 / (this.player.view.fps || 25);
    if (event.key === "PageDown" || event.key === "PageUp") {
      event.preventDefault();
      const next = event.key === "PageDown" ? starts.find((s) => s > now + edge) : starts.findLast((s) => s < now - edge);
      if (next !== undefined) this.player.seek(next);
    } else {
      this.player.key(event);
    }
  }

  /** @param {number} zoom the place of the playhead stays in view */
  zoom(zoom) {
    this.board.style.setProperty("--zoom", String(zoom));
    this.keepInView(interpolate(this.axis.times_s, this.axis.at, this.player.source.time));
  }
}

/**
 * The buttons that zoom all timelines of a page.
 * @param {HTMLElement} buttons .zoomer
 * @param {Timeline[]} lines
 */
export function zoomer(buttons, lines) {
  let level = 0;
  const output = /** @type {HTMLOutputElement} */ (buttons.querySelector("output"));
  buttons.hidden = false;
  buttons.addEventListener("click", (event) => {
    const button = /** @type {HTMLElement} */ (event.target).closest("button");
    const way = button?.dataset.zoom;
    if (!way) return;
    level = way === "all" ? 0 : Math.min(ZOOMS.length - 1, Math.max(0, level + (way === "in" ? 1 : -1)));
    output.textContent = `${ZOOMS[level]}×`;
    for (const line of lines) line.zoom(ZOOMS[level]);
  });
}
