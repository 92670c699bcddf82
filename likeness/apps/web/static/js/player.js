// @ts-check
/** The player of one file: controls, keys, boxes and heatmaps around a source (see sources.js). */

import { ask, clock, fill, words } from "./common.js";
import { Overlay, boxAt } from "./overlay.js";
import { FrameSource, StillSource, VideoSource } from "./sources.js";

export class Player {
  /**
   * @param {HTMLElement} root
   * @param {any} view what /jobs/{id}/view.json gave
   */
  constructor(root, view) {
    this.root = root;
    this.view = view;
    /** @type {((time: number) => void)[]} */
    this.listeners = [];
    const svg = /** @type {SVGElement} */ (root.querySelector(".over"));
    this.part(".picture").style.setProperty("--ratio", String(view.size_wh[0] / view.size_wh[1]));
    this.overlay = new Overlay(svg, view.tracks, view.heats, view.size_wh[0]);
    this.source = this.open();
    this.source.onTime = () => this.refresh();
    this.connect();
    this.heatChoices();
    this.refresh();
  }

  /** @param {HTMLElement} root */
  static async open(root) {
    return new Player(root, await ask(root.dataset.view ?? ""));
  }

  /** @param {string} selector @returns {any} */
  part(selector) {
    return this.root.querySelector(selector);
  }

  /** @returns {import("./sources.js").Source} */
  open() {
    if (this.view.kind !== "video") return new StillSource();
    const video = /** @type {HTMLVideoElement | null} */ (this.part("video"));
    if (!video || video.error) return this.frames();
    const fallBack = () => this.instead();
    video.addEventListener("error", fallBack);
    // A container that plays with a picture that does not: sound over a black screen.
    video.addEventListener("loadeddata", () => video.videoWidth === 0 && fallBack());
    return new VideoSource(video, this.view.fps);
  }

  frames() {
    const image = /** @type {HTMLImageElement} */ (this.part("img.frames"));
    image.hidden = false;
    return new FrameSource(image, this.view.frames, (t) => fill(words.player.frame_alt, { time: clock(t) }));
  }

  /** The browser cannot play it: show the kept frames, and say so. */
  instead() {
    if (this.source instanceof FrameSource) return;
    this.part("video").remove();
    this.part("[data-do=sound]")?.closest("label").remove();
    const note = this.part(".frames-note");
    note.textContent = fill(words.player.frames_note, { count: this.view.frames.length });
    note.hidden = false;
    this.source = this.frames();
    this.source.onTime = () => this.refresh();
    this.refresh();
  }

  connect() {
    const does = /** @type {Record<string, () => void>} */ ({
      play: () => (this.source.playing ? this.source.pause() : this.source.play()),
      back: () => this.source.step(-1),
      on: () => this.source.step(1),
    });
    for (const [name, act] of Object.entries(does)) this.part(`[data-do=${name}]`)?.addEventListener("click", act);
    this.part(".seek-bar")?.addEventListener("input", (/** @type {any} */ e) => this.source.seek(Number(e.target.value)));
    for (const radio of this.root.querySelectorAll(".speeds input")) {
      radio.addEventListener("change", () => (this.source.rate = Number(/** @type {HTMLInputElement} */ (radio).value)));
    }
    this.part("[data-do=sound]")?.addEventListener("change", (/** @type {any} */ e) => {
      const video = this.part("video");
      if (video) video.muted = !e.target.checked;
    });
    for (const name of ["boxes", "zoom", "heat"]) this.part(`[data-do=${name}]`)?.addEventListener("change", () => this.layers());
    this.part("[data-do=map]")?.addEventListener("change", () => this.layers());
    this.part("[data-do=opacity]")?.addEventListener("input", (/** @type {any} */ e) => this.overlay.fade(Number(e.target.value)));
    this.root.addEventListener("keydown", (event) => this.key(event));
  }

  /** @param {KeyboardEvent} event @returns {void} */
  key(event) {
    const target = /** @type {HTMLElement} */ (event.target);
    if (event.ctrlKey || event.metaKey || event.altKey || target.matches("select")) return;
    const arrows = target.matches("input"); // ranges and radios have arrows of their own
    const space = target.matches("button, input, summary");
    const second = Math.max(1, Math.round(this.view.fps || 25));
    const acts = /** @type {Record<string, () => void>} */ ({
      " ": () => this.part("[data-do=play]")?.click(),
      ArrowLeft: () => this.source.step(event.shiftKey ? -second : -1),
      ArrowRight: () => this.source.step(event.shiftKey ? second : 1),
      Home: () => this.source.seek(0),
      End: () => this.source.seek(this.source.duration),
      1: () => this.speed("1"),
      2: () => this.speed("0.5"),
      3: () => this.speed("0.25"),
      b: () => this.part("[data-do=boxes]")?.click(),
      m: () => this.part("[data-do=heat]")?.click(),
      f: () => this.part("[data-do=zoom]")?.click(),
    });
    const act = acts[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!act || (event.key === " " && space) || (arrows && event.key.length > 1)) return;
    event.preventDefault();
    act();
  }

  /** @param {string} value */
  speed(value) {
    this.part(`.speeds input[value="${value}"]`)?.click();
  }

  heatChoices() {
    const names = [...new Set(this.view.heats.map((/** @type {any} */ h) => h.map))];
    const select = /** @type {HTMLSelectElement | null} */ (this.part("[data-do=map]"));
    if (!select || !names.length) return;
    select.replaceChildren(...names.map((name) => new Option(name, name)));
    this.part(".heat-controls").hidden = false;
  }

  /** Show the first map of one cue. @param {string} detector */
  showMap(detector) {
    const select = /** @type {HTMLSelectElement} */ (this.part("[data-do=map]"));
    select.value = this.view.heats.find((/** @type {any} */ h) => h.detector === detector)?.map ?? "";
    this.part("[data-do=heat]").checked = true;
    this.layers();
    const motion = matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth";
    this.root.scrollIntoView({ block: "center", behavior: motion });
    this.root.focus({ preventScroll: true });
  }

  /** The switches changed. A map belongs to one frame: switching it on goes there. */
  layers() {
    this.overlay.boxesShown = this.part("[data-do=boxes]")?.checked ?? true;
    const wanted = this.part("[data-do=heat]")?.checked ? this.part("[data-do=map]").value : "";
    if (wanted !== (this.overlay.heat?.map ?? "")) {
      const heat = this.nearestHeat(wanted);
      this.overlay.showHeat(heat);
      if (heat) {
        this.source.pause();
        this.source.seek(heat.time_s);
      }
    }
    this.part(".heat-says").hidden = !this.overlay.heat;
    this.refresh();
  }

  /** @param {string} map */
  nearestHeat(map) {
    const own = this.view.heats.filter((/** @type {any} */ h) => h.map === map);
    const away = (/** @type {any} */ h) => Math.abs(h.time_s - this.source.time);
    return own.sort((/** @type {any} */ a, /** @type {any} */ b) => away(a) - away(b))[0] ?? null;
  }

  /** @param {number} time */
  seek(time) {
    this.source.pause();
    this.source.seek(time);
  }

  refresh() {
    const { source, overlay } = this;
    if (!source) return;
    const time = source.time;
    overlay.show(time);
    this.refreshHeat(time);
    this.refreshZoom(time);
    this.root.classList.toggle("playing", source.playing);
    const play = this.part("[data-do=play]");
    play?.setAttribute("aria-label", source.playing ? words.player.pause : words.player.play);
    const bar = /** @type {HTMLInputElement | null} */ (this.part(".seek-bar"));
    const end = source.duration || this.view.duration_s;
    if (bar) {
      bar.max = String(end);
      bar.value = String(time);
      bar.setAttribute("aria-valuetext", clock(time));
      const said = `${clock(time)} / ${clock(end)}`;
      if (this.part(".clock").textContent !== said) this.part(".clock").textContent = said;
    }
    for (const listener of this.listeners) listener(time);
  }

  /** A map is one frame's: while another one is shown it fades, so that nobody reads it into the wrong picture. @param {number} time */
  refreshHeat(time) {
    const heat = this.overlay.heat;
    if (!heat) return;
    const close = this.view.kind !== "video" || Math.abs(heat.time_s - time) < 0.75 / (this.view.fps || 25);
    this.overlay.heatLayer.setAttribute("opacity", close ? String(this.overlay.opacity) : "0");
    const said = fill(words.player.heat_at, { detector: heat.detector, face: heat.face, time: clock(heat.time_s) });
    this.part(".heat-where").textContent = this.view.kind === "video" ? `${said}.` : `${heat.detector}, ${heat.face}.`;
  }

  /** @param {number} time */
  refreshZoom(time) {
    const picture = /** @type {HTMLElement} */ (this.part(".picture"));
    const wanted = this.part("[data-do=zoom]")?.checked ?? false;
    const boxes = wanted ? this.view.tracks.map((/** @type {any} */ t) => boxAt(t, time)) : [];
    const found = boxes.find(Boolean) ?? null; // tracks are in order of appearance
    if (wanted && !found) return; // keep the place until a face is seen again
    const [w, h] = this.view.size_wh;
    const [x0, y0, x1, y1] = found ? found.box : [0, 0, w, h];
    const scale = found ? Math.max(1, Math.min(8, 0.85 * Math.min(w / (x1 - x0), h / (y1 - y0)))) : 1;
    const place = (/** @type {number} */ middle, /** @type {number} */ size) =>
      Math.min(0, Math.max(size - scale * size, size / 2 - scale * middle)) / size;
    const [dx, dy] = [place((x0 + x1) / 2, w), place((y0 + y1) / 2, h)];
    picture.style.transform = found ? `translate(${100 * dx}%, ${100 * dy}%) scale(${scale})` : "";
  }
}
