// @ts-check
/** What lies over the picture: face boxes that follow their tracks, and the heatmap of one cue. */

import { drawn } from "./common.js";

const WIDEST_GAP = 6; // in usual steps of the track: beyond that nothing was examined between two frames

/**
 * @typedef {{id: number, name: string, times_s: number[], boxes_px: number[][], bridged: number[]}} Track
 * @typedef {{detector: string, map: string, face: string, time_s: number, corners_px: number[][], size_wh: number[], href: string}} Heat
 */

/**
 * The box of a face at a moment, between two examined frames by straight lines.
 * @param {Track} track
 * @param {number} time
 * @returns {{box: number[], bridged: boolean} | null} null where the face was not examined
 */
export function boxAt(track, time) {
  const times = track.times_s;
  if (!times.length) return null;
  if (times.length === 1) return { box: track.boxes_px[0], bridged: Boolean(track.bridged[0]) };
  const usual = usualStep(times);
  let after = times.findIndex((t) => t >= time);
  if (after < 0) after = times.length;
  if (after === 0) return times[0] - time <= usual ? at(track, 0) : null;
  if (after === times.length) return time - times[after - 1] <= 1.5 * usual ? at(track, after - 1) : null;
  const gap = times[after] - times[after - 1];
  const share = gap > 0 ? (time - times[after - 1]) / gap : 0;
  if (gap > Math.max(WIDEST_GAP * usual, 0.5)) {
    if (time - times[after - 1] <= usual) return at(track, after - 1);
    return times[after] - time <= usual ? at(track, after) : null;
  }
  const [from, to] = [track.boxes_px[after - 1], track.boxes_px[after]];
  const nearest = share < 0.5 ? after - 1 : after;
  return { box: from.map((v, i) => v + share * (to[i] - v)), bridged: Boolean(track.bridged[nearest]) };
}

/** @param {Track} track @param {number} row */
function at(track, row) {
  return { box: track.boxes_px[row], bridged: Boolean(track.bridged[row]) };
}

/** @param {number[]} times */
function usualStep(times) {
  const steps = times.slice(1).map((t, i) => t - times[i]);
  return steps.sort((a, b) => a - b)[Math.floor(steps.length / 2)];
}

export class Overlay {
  /**
   * @param {SVGElement} svg with the layers .box-layer and .heat-layer, in pixels of the frame
   * @param {Track[]} tracks
   * @param {Heat[]} heats
   * @param {number} width of the frame
   */
  constructor(svg, tracks, heats, width) {
    this.tracks = tracks;
    this.heats = heats;
    this.boxLayer = /** @type {SVGGElement} */ (svg.querySelector(".box-layer"));
    this.heatLayer = /** @type {SVGGElement} */ (svg.querySelector(".heat-layer"));
    this.boxesShown = true;
    this.opacity = 0.8;
    /** @type {Heat | null} */
    this.heat = null;
    this.letters = Math.max(9, width / 42);
    this.boxes = tracks.map((track) => this.box(track));
  }

  /** @param {Track} track */
  box(track) {
    const group = drawn("g");
    const under = drawn("rect", { class: "under" });
    const line = drawn("rect");
    const name = drawn("text", { "font-size": this.letters });
    name.textContent = track.name;
    group.append(under, line, name);
    this.boxLayer.append(group);
    return { group, rects: [under, line], name };
  }

  /** @param {number} time */
  show(time) {
    this.tracks.forEach((track, i) => {
      const found = this.boxesShown ? boxAt(track, time) : null;
      const { group, rects, name } = this.boxes[i];
      group.toggleAttribute("hidden", !found);
      if (!found) return;
      const [x0, y0, x1, y1] = found.box;
      for (const rect of rects) {
        rect.setAttribute("x", x0.toFixed(1));
        rect.setAttribute("y", y0.toFixed(1));
        rect.setAttribute("width", (x1 - x0).toFixed(1));
        rect.setAttribute("height", (y1 - y0).toFixed(1));
        rect.setAttribute("rx", "2");
      }
      rects[1].classList.toggle("bridged", found.bridged);
      name.setAttribute("x", x0.toFixed(1));
      name.setAttribute("y", Math.max(this.letters, y0 - 0.35 * this.letters).toFixed(1));
    });
  }

  /** @param {Heat | null} heat */
  showHeat(heat) {
    this.heat = heat;
    this.heatLayer.replaceChildren();
    if (!heat) return;
    const [w, h] = heat.size_wh;
    const [a, b, , d] = heat.corners_px;
    const matrix = [(b[0] - a[0]) / w, (b[1] - a[1]) / w, (d[0] - a[0]) / h, (d[1] - a[1]) / h, a[0], a[1]];
    this.heatLayer.append(
      drawn("image", {
        href: heat.href,
        width: w,
        height: h,
        preserveAspectRatio: "none",
        transform: `matrix(${matrix.map((v) => v.toFixed(5)).join(" ")})`,
      }),
    );
    this.fade(this.opacity);
  }

  /** @param {number} opacity 0 to 1 */
  fade(opacity) {
    this.opacity = opacity;
    this.heatLayer.setAttribute("opacity", String(opacity));
  }
}
