/**
 * What part of the venue is seen: pure arithmetic between centimetres and CSS pixels.
 * @module
 */
import { clamp } from "./seat-map-grid.js";

/** Closest view: so many pixels from seat to seat. */
const PITCH_PX_MAX = 56;
/** How far out of the fitting view one may go. */
const OUT_MAX = 0.85;
const PADDING_PX = 12;

/** @typedef {{scale: number, x: number, y: number}} Camera pixels per centimetre, and the point in the middle */

export class View {
  /** @param {number[]} bounds @param {number} pitch_cm */
  constructor(bounds, pitch_cm) {
    this.bounds = bounds;
    this.pitch_cm = pitch_cm;
    this.width = 1;
    this.height = 1;
    /** @type {Camera} */
    this.camera = this.fitted(bounds);
  }

  /** Keeps what is seen; a view of everything stays one. */
  resize(width, height) {
    const whole = this.isWhole();
    this.width = Math.max(1, width);
    this.height = Math.max(1, height);
    this.camera = whole ? this.fitted(this.bounds) : this.clamped(this.camera);
  }

  /** The camera that shows these bounds whole. @returns {Camera} */
  fitted([x0, y0, x1, y1]) {
    const [width, height] = [Math.max(x1 - x0, 1), Math.max(y1 - y0, 1)];
    const room = (pixels) => Math.max(pixels - 2 * PADDING_PX, 1);
    const scale = Math.min(room(this.width) / width, room(this.height) / height, PITCH_PX_MAX / this.pitch_cm);
    return { scale, x: (x0 + x1) / 2, y: (y0 + y1) / 2 };
  }

  isWhole() {
    return this.camera.scale <= this.fitted(this.bounds).scale * 1.001;
  }

  /** Within the zoom's range, with the middle of the view inside the venue. */
  clamped({ scale, x, y }) {
    const fit = this.fitted(this.bounds).scale;
    const [x0, y0, x1, y1] = this.bounds;
    const within = clamp(scale, fit * OUT_MAX, Math.max(fit, PITCH_PX_MAX / this.pitch_cm));
    return { scale: within, x: clamp(x, x0, x1), y: clamp(y, y0, y1) };
  }

  /** Pixels between neighbouring seats. */
  pitch_px(camera = this.camera) {
    return this.pitch_cm * camera.scale;
  }

  toScreen(x, y) {
    const { scale, x: cx, y: cy } = this.camera;
    return [(x - cx) * scale + this.width / 2, (y - cy) * scale + this.height / 2];
  }

  toPlan(px, py) {
    const { scale, x, y } = this.camera;
    return [(px - this.width / 2) / scale + x, (py - this.height / 2) / scale + y];
  }

  /** The rectangle in view, in centimetres. */
  visible() {
    return [...this.toPlan(0, 0), ...this.toPlan(this.width, this.height)];
  }

  /** Zoomed so that the point under (px, py) stays there. @returns {Camera} */
  zoomedAt(px, py, factor) {
    const [x, y] = this.toPlan(px, py);
    const { scale } = this.clamped({ ...this.camera, scale: this.camera.scale * factor });
    return this.clamped({ scale, x: x - (px - this.width / 2) / scale, y: y - (py - this.height / 2) / scale });
  }

  /** Moved by so many pixels. @returns {Camera} */
  panned(dx, dy) {
    const { scale, x, y } = this.camera;
    return this.clamped({ scale, x: x - dx / scale, y: y - dy / scale });
  }

  /** Centred on a point, close enough for seats `pitch_px` apart, never farther out than now. @returns {Camera} */
  near(x, y, pitch_px) {
    return this.clamped({ scale: Math.max(this.camera.scale, pitch_px / this.pitch_cm), x, y });
  }
}

/** Between two cameras; zoom moves evenly on a logarithmic scale. @returns {Camera} */
export function between(from, to, t) {
  const eased = t < 0.5 ? 2 * t * t : 1 - 2 * (1 - t) * (1 - t);
  const scale = from.scale * (to.scale / from.scale) ** eased;
  // The share of the way that keeps the zoom's centre still on the screen.
  const share = from.scale === to.scale ? eased : (1 / scale - 1 / from.scale) / (1 / to.scale - 1 / from.scale);
  return { scale, x: from.x + (to.x - from.x) * share, y: from.y + (to.y - from.y) * share };
}
