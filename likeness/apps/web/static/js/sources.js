// @ts-check
/**
 * Where the moving picture comes from: the browser's own player, or, for files that it cannot play, the kept frames one after
 * the other. Both keep the same promises: `time`, `duration`, `rate`, `playing`, `seek`, `play`, `pause`, `step`, and `onTime`,
 * which is called whenever another moment is shown.
 */

/**
 * @typedef {object} Source
 * @property {number} time seconds of the frame that is shown
 * @property {number} duration seconds
 * @property {number} rate 1 = as filmed
 * @property {boolean} playing
 * @property {(time: number) => void} seek
 * @property {() => void} play
 * @property {() => void} pause
 * @property {(frames: number) => void} step
 * @property {(() => void) | null} onTime
 */

/** @implements {Source} */
export class VideoSource {
  /**
   * @param {HTMLVideoElement} video
   * @param {number} fps
   */
  constructor(video, fps) {
    this.video = video;
    this.frame = fps > 0 ? 1 / fps : 0.04;
    /** @type {(() => void) | null} */
    this.onTime = null;
    /** @type {number | null} time of the frame on the screen, where the browser says it */
    this.presented = null;
    const tell = () => this.onTime?.();
    for (const name of ["seeked", "play", "pause", "ended", "timeupdate", "loadedmetadata"]) video.addEventListener(name, tell);
    video.addEventListener("seeking", () => (this.presented = null));
    this.watch();
  }

  watch() {
    // Told of every frame: boxes move with the picture and not with the clock.
    const each = (/** @type {number} */ _now, /** @type {{mediaTime: number}} */ about) => {
      this.presented = about.mediaTime;
      this.onTime?.();
      this.video.requestVideoFrameCallback(each);
    };
    if ("requestVideoFrameCallback" in this.video) this.video.requestVideoFrameCallback(each);
  }

  get time() {
    return this.presented ?? this.video.currentTime;
  }

  get duration() {
    return Number.isFinite(this.video.duration) ? this.video.duration : 0;
  }

  get rate() {
    return this.video.playbackRate;
  }

  set rate(value) {
    this.video.playbackRate = value;
  }

  get playing() {
    return !this.video.paused && !this.video.ended;
  }

  /** @param {number} time */
  seek(time) {
    // The middle of a frame: at its very edge a browser may show the one before.
    const frame = Math.round(time / this.frame);
    const within = Math.abs(frame * this.frame - time) < 0.02 * this.frame ? time + 0.4 * this.frame : time;
    this.presented = null;
    this.video.currentTime = Math.min(Math.max(0, within), Math.max(0, this.duration - 0.25 * this.frame));
  }

  play() {
    this.video.play().catch(() => {});
  }

  pause() {
    this.video.pause();
  }

  /** @param {number} frames */
  step(frames) {
    this.pause();
    const now = Math.floor(this.video.currentTime / this.frame + 1e-3);
    this.seek(Math.max(0, (now + frames + 0.4) * this.frame));
  }
}

/** @implements {Source} */
export class FrameSource {
  /**
   * @param {HTMLImageElement} image
   * @param {[number, string][]} frames time and address, ascending
   * @param {(time: number) => string} describe words for those who do not see it
   */
  constructor(image, frames, describe) {
    this.image = image;
    this.frames = frames;
    this.describe = describe;
    this.at = 0;
    this.rate = 1;
    this.playing = false;
    /** @type {(() => void) | null} */
    this.onTime = null;
    this.show();
  }

  get time() {
    return this.frames[this.at]?.[0] ?? 0;
  }

  get duration() {
    return this.frames.at(-1)?.[0] ?? 0;
  }

  /** @param {number} time */
  seek(time) {
    let best = 0;
    this.frames.forEach(([t], i) => {
      if (Math.abs(t - time) < Math.abs(this.frames[best][0] - time)) best = i;
    });
    this.at = best;
    this.show();
  }

  /** @param {number} frames */
  step(frames) {
    this.pause();
    this.at = Math.min(Math.max(0, this.at + frames), this.frames.length - 1);
    this.show();
  }

  play() {
    if (this.at >= this.frames.length - 1) this.at = 0;
    this.playing = true;
    this.run();
  }

  pause() {
    this.playing = false;
    this.onTime?.();
  }

  run() {
    const next = this.frames[this.at + 1];
    if (!this.playing || !next) return this.pause();
    // Stretches lie apart in long clips: the pause between them is cut short.
    const wait = Math.min(next[0] - this.time, 0.5) / this.rate;
    setTimeout(() => {
      if (!this.playing) return;
      this.at += 1;
      this.show();
      this.run();
    }, 1000 * wait);
    this.onTime?.();
  }

  show() {
    const frame = this.frames[this.at];
    if (!frame) return;
    this.image.src = frame[1];
    this.image.alt = this.describe(frame[0]);
    const next = this.frames[this.at + 1];
    if (next) new Image().src = next[1];
    this.onTime?.();
  }
}

/** A picture: one moment. @implements {Source} */
export class StillSource {
  constructor() {
    this.time = 0;
    this.duration = 0;
    this.rate = 1;
    this.playing = false;
    /** @type {(() => void) | null} */
    this.onTime = null;
  }

  seek() {
    this.onTime?.();
  }

  play() {}

  pause() {}

  step() {}
}
