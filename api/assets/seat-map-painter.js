/**
 * Draws the map on a canvas, with as much detail as fits: sections as shapes from afar, seats as small rectangles
 * nearer, marks with numbers close up. Only what is in view is drawn, so 50,000 seats cost no more than 5,000.
 * @module
 */
import { contains } from "./seat-map-geometry.js";
import { Marks } from "./seat-map-marks.js";
import { mix } from "./seat-map-palette.js";
import { shownLines } from "./seat-map-words.js";

/** Below so many pixels from seat to seat, sections are drawn instead of seats. */
export const SEATS_FROM_PX = 6;
const MARKS_FROM_PX = 13;
const NUMBERS_FROM_PX = 24;
/** WCAG 2.5.8: smaller targets are not to be hit, a tap comes nearer first. */
export const TARGET_PX = 24;

const FONT = "system-ui, sans-serif";
const STAGE_CM = [900, 260];
/** However far away, the stage can be read. */
const STAGE_MIN_PX = [54, 20];
/** Styles of small seats: taken, then a free and a dimmed one for each tier. */
const TAKEN = 0;

export class Painter {
  /**
   * @param {HTMLCanvasElement} canvas
   * @param {{geometry: object, grid: object, availability: object, store: object, words: object}} parts
   */
  constructor(canvas, parts) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d", { alpha: false });
    Object.assign(this, parts);
    this.marks = new Marks();
    this.ratio = 1;
    this.styles = new Uint16Array(this.geometry.seatsCount);
    this.shades = new Map();
    /** @type {{seat: ?number, section: ?number, area: ?number}} */
    this.hover = { seat: null, section: null, area: null };
    this.focused = null;
    this.filter = null;
  }

  setColors(colors) {
    this.colors = colors;
    this.marks.clear();
    this.shades.clear();
  }

  resize(width, height, ratio) {
    this.ratio = ratio;
    this.canvas.width = Math.round(width * ratio);
    this.canvas.height = Math.round(height * ratio);
    this.marks.clear();
  }

  draw(view) {
    const { context, ratio, colors } = this;
    this.view = view;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.fillStyle = colors.background;
    context.fillRect(0, 0, view.width, view.height);
    this.#stage();
    this.geometry.areas.forEach((area, index) => this.#area(area, index));
    const pitch = view.pitch_px();
    const near = pitch >= SEATS_FROM_PX;
    this.geometry.sections.forEach((section, index) => this.#section(section, index, near));
    if (near) this.#seats(pitch);
    else this.#chosenFromAfar();
    this.#rings(Math.max(pitch, 8));
  }

  #inView([x0, y0, x1, y1]) {
    const [left, top, right, bottom] = this.view.visible();
    const margin = this.geometry.pitch_cm;
    return x1 + margin >= left && x0 - margin <= right && y1 + margin >= top && y0 - margin <= bottom;
  }

  #stage() {
    const { context, colors, view, words } = this;
    const [x, y] = view.toScreen(...this.geometry.focal);
    const [width, height] = STAGE_CM.map((length, side) => Math.max(length * view.camera.scale, STAGE_MIN_PX[side]));
    context.fillStyle = colors.line;
    context.beginPath();
    context.roundRect(x - width / 2, y - height / 2, width, height, height / 3);
    context.fill();
    context.fillStyle = colors.ink;
    this.#text(words.texts.stage, x, y, `600 ${Math.min(height * 0.6, 18)}px ${FONT}`);
  }

  #path(points) {
    const { context, view } = this;
    context.beginPath();
    for (const [x, y] of points) context.lineTo(...view.toScreen(x, y));
    context.closePath();
  }

  /** A polygon grown by about a seat on every side, with a hairline around it. */
  #shape(points, fill, line, lineWidth) {
    const { context } = this;
    const grown = this.view.pitch_px(this.view.camera) * 1.3;
    this.#path(points);
    context.lineJoin = "round";
    context.strokeStyle = line;
    context.lineWidth = grown + 2 * lineWidth;
    context.stroke();
    context.strokeStyle = context.fillStyle = fill;
    context.lineWidth = grown;
    context.stroke();
    context.fill();
  }

  #area(area, index) {
    if (!area.bounds || !this.#inView(area.bounds)) return;
    const { colors } = this;
    const free = this.availability.areas.get(area.code) ?? 0;
    const shown = this.words.isSold(area.tier) && (!this.filter || this.filter.area(area.tier));
    const fill = free > 0 && shown ? this.#shade(area.tier, free / area.capacity) : colors.floor;
    const hovered = this.hover.area === index;
    this.#shape(area.outline, fill, hovered ? colors.ink : colors.line, hovered ? 2 : 1);
    this.#words(area, this.words.ofArea(area, free));
  }

  #section(section, index, near) {
    if (!this.#inView(section.bounds)) return;
    const { colors } = this;
    const hovered = this.hover.section === index && !near;
    const [fill, choices] = near ? [colors.floor, []] : this.#offer(section, index);
    this.#shape(section.outline, fill, hovered ? colors.ink : colors.line, hovered ? 2 : 1);
    this.#words(section, choices);
  }

  /** A section's colour and words from afar. */
  #offer(section, index) {
    const { colors, filter, words } = this;
    const offer = this.availability.offer(index, words.price, filter?.tier);
    const shown = offer.tier !== null && (!filter || filter.section(index));
    const fill = !shown ? colors.floor : this.#shade(offer.tier, offer.count / section.count);
    return [fill, words.ofSection(section, offer)];
  }

  /** Fuller colour where more is left. */
  #shade(tier, share) {
    const step = Math.ceil(share * 4);
    const key = tier * 8 + step;
    let shade = this.shades.get(key);
    if (!shade) {
      shade = mix(this.colors.tiers[tier], this.colors.background, 0.12 + 0.08 * step);
      this.shades.set(key, shade);
    }
    return shade;
  }

  /** As many words as fit into the shape: the richest choice of lines, or none. */
  #words({ center, room_cm }, choices) {
    const { context, colors, view } = this;
    if (choices.length === 0) return;
    const room = room_cm * 0.92 * view.camera.scale;
    const size = Math.max(11, Math.min(15, room / 5));
    const font = (line) => `${line === 0 ? 600 : 400} ${line === 0 ? size : size - 1}px ${FONT}`;
    const width = (text, line) => {
      context.font = font(line);
      return context.measureText(text).width;
    };
    const lines = shownLines(choices, width, room, size * 1.2);
    const [x, y] = view.toScreen(...center);
    context.fillStyle = colors.ink;
    lines.forEach((text, i) => this.#text(text, x, y + (i - (lines.length - 1) / 2) * size * 1.2, font(i)));
  }

  #text(text, x, y, font) {
    const { context } = this;
    context.font = font;
    context.textAlign = "center";
    context.textBaseline = "middle";
    context.fillText(text, x, y);
  }

  #seats(pitch) {
    const seats = this.grid.inside(this.view.visible());
    const used = this.#style(seats);
    if (pitch < MARKS_FROM_PX) this.#rectangles(seats, pitch, used);
    else this.#closeUp(seats, pitch);
    for (const seat of [...this.store.seats(), ...this.store.lost()]) this.#mark(seat, Math.max(pitch * 0.86, 9));
  }

  /** Gives each seat in view its style; returns the styles that occur. */
  #style(seats) {
    const { states } = this.availability;
    const { tierOf, tiers } = this.geometry;
    const { styles, filter, words } = this;
    const used = new Uint8Array(1 + 2 * tiers.length);
    for (let i = 0; i < seats.length; i++) {
      const seat = seats[i];
      let style = TAKEN;
      if (states[seat] === 0 && words.isSold(tierOf[seat])) style = 1 + tierOf[seat] + (filter && !filter.seat(seat) ? tiers.length : 0);
      styles[i] = style;
      used[style] = 1;
    }
    return used;
  }

  #rectangles(seats, pitch, used) {
    const { context, styles, colors, geometry } = this;
    const { scale, x: cx, y: cy } = this.view.camera;
    const fills = [colors.taken, ...colors.tiers, ...colors.dimmed];
    for (let style = 0; style < used.length; style++) {
      if (!used[style]) continue;
      context.fillStyle = fills[style];
      const size = pitch * (style === TAKEN ? 0.32 : 0.72);
      const left = this.view.width / 2 - cx * scale - size / 2;
      const top = this.view.height / 2 - cy * scale - size / 2;
      for (let i = 0; i < seats.length; i++) {
        if (styles[i] !== style) continue;
        const seat = seats[i];
        context.fillRect(geometry.xs[seat] * scale + left, geometry.ys[seat] * scale + top, size, size);
      }
    }
  }

  #closeUp(seats, pitch) {
    const numbers = pitch >= NUMBERS_FROM_PX;
    for (let i = 0; i < seats.length; i++) {
      const seat = seats[i];
      if (this.store.has(seat)) continue;
      this.#mark(seat, pitch * 0.82, this.styles[i]);
      const free = this.styles[i] !== TAKEN;
      if (numbers && free && !(this.geometry.flags[seat] & 1)) this.#number(seat, pitch, this.styles[i]);
    }
    for (let i = 0; i < seats.length; i++) this.#rowLabel(seats[i], pitch);
  }

  #mark(seat, size, style = TAKEN) {
    const { geometry, store, context, ratio } = this;
    const tier = geometry.tierOf[seat];
    let kind = style === TAKEN ? "taken" : style > geometry.tiers.length ? "dimmed" : "free";
    if (store.has(seat)) kind = store.isLost(seat) ? "lost" : "selected";
    // Whole device pixels keep the number of pictures small while zooming.
    const look = { kind, tier, flags: geometry.flags[seat] };
    const sprite = this.marks.sprite(look, Math.round(size * ratio), this.colors);
    const [x, y] = this.view.toScreen(geometry.xs[seat], geometry.ys[seat]);
    const side = sprite.width / ratio;
    context.drawImage(sprite, x - side / 2, y - side / 2, side, side);
  }

  #number(seat, pitch, style) {
    const { geometry, colors, context } = this;
    const tiers = geometry.tiers.length;
    context.fillStyle = style > tiers ? colors.muted : colors.onTiers[geometry.tierOf[seat]];
    const [x, y] = this.view.toScreen(geometry.xs[seat], geometry.ys[seat]);
    this.#text(geometry.label(seat), x, y + 0.5, `${Math.min(pitch * 0.36, 15)}px ${FONT}`);
  }

  /** The row's letter before its first and behind its last seat. */
  #rowLabel(seat, pitch) {
    const { geometry, context, colors } = this;
    const row = geometry.rows[geometry.rowOf[seat]];
    const last = row.first + row.count - 1;
    if (seat !== row.first && seat !== last) return;
    const other = row.count < 2 ? seat : seat === row.first ? seat + 1 : seat - 1;
    let [dx, dy] = [geometry.xs[seat] - geometry.xs[other], geometry.ys[seat] - geometry.ys[other]];
    if (row.count < 2) dx = -geometry.pitch_cm;
    const [x, y] = this.view.toScreen(geometry.xs[seat] + dx * 0.95, geometry.ys[seat] + dy * 0.95);
    context.fillStyle = colors.muted;
    this.#text(row.label, x, y, `600 ${Math.max(10, Math.min(pitch * 0.4, 16))}px ${FONT}`);
  }

  /** Chosen seats stay visible when seats are too small to draw. */
  #chosenFromAfar() {
    for (const seat of [...this.store.seats(), ...this.store.lost()]) this.#mark(seat, 12);
  }

  /** Around what the pointer or the list's focus is on. */
  #rings(pitch) {
    const { context, colors, geometry } = this;
    for (const [seat, width] of [[this.hover.seat, 2], [this.focused, 3]]) {
      if (seat === null) continue;
      const [x, y] = this.view.toScreen(geometry.xs[seat], geometry.ys[seat]);
      context.strokeStyle = colors.ink;
      context.lineWidth = width;
      context.beginPath();
      context.arc(x, y, pitch * 0.55 + width, 0, 2 * Math.PI);
      context.stroke();
    }
  }

  /** What is at a point of the screen: a seat when seats are drawn, else a section or an area. */
  hit(view, px, py) {
    const [x, y] = view.toPlan(px, py);
    const { geometry } = this;
    const nothing = { seat: null, section: null, area: null };
    const near = view.pitch_px() >= SEATS_FROM_PX;
    const seat = near ? this.grid.nearest(x, y, geometry.pitch_cm * 0.6) : null;
    if (seat !== null) return { ...nothing, seat, section: geometry.rows[geometry.rowOf[seat]].section };
    const around = ({ bounds, outline }) => bounds && within(bounds, x, y) && contains(outline, x, y);
    const section = geometry.sections.findIndex(around);
    if (section >= 0) return { ...nothing, section };
    const area = geometry.areas.findIndex(around);
    return area >= 0 ? { ...nothing, area } : nothing;
  }
}

function within([x0, y0, x1, y1], x, y) {
  return x >= x0 && x <= x1 && y >= y0 && y <= y1;
}
