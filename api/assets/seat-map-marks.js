/**
 * How one seat looks close up: drawn once per look and size, then copied.
 *
 * Shape says the state, colour only repeats it: a disc is free, a small ring is taken, a disc with a tick is chosen, a
 * cross is lost; a square is a wheelchair or companion place, a slanted bar means a restricted view.
 * @module
 */
import { ACCESSIBLE, COMPANION, RESTRICTED_VIEW } from "./seat-map-geometry.js";

const SPRITES_MAX = 600;

export class Marks {
  constructor() {
    this.sprites = new Map();
  }

  clear() {
    this.sprites.clear();
  }

  /**
   * The picture of a seat; its middle is the middle of the picture.
   * @param {{kind: "free"|"dimmed"|"taken"|"selected"|"lost", tier: number, flags: number}} look
   * @param {number} size in device pixels, from edge to edge of the seat
   */
  sprite({ kind, tier, flags }, size, colors) {
    const key = `${kind}|${tier}|${flags}|${size}`;
    const known = this.sprites.get(key);
    if (known) return known;
    if (this.sprites.size >= SPRITES_MAX) this.clear();
    const canvas = document.createElement("canvas");
    canvas.width = canvas.height = size + 4;
    const context = canvas.getContext("2d");
    context.translate(canvas.width / 2, canvas.height / 2);
    draw(context, { kind, tier, flags }, size / 2, colors);
    this.sprites.set(key, canvas);
    return canvas;
  }
}

function draw(context, { kind, tier, flags }, radius, colors) {
  const square = (flags & (ACCESSIBLE | COMPANION)) !== 0;
  const stroke = Math.max(1, radius / 7);
  context.lineWidth = stroke;
  context.lineCap = "round";
  if (kind === "taken") {
    context.strokeStyle = colors.taken;
    outline(context, square, radius * 0.5);
    context.stroke();
    return;
  }
  if (kind === "lost") {
    context.fillStyle = colors.background;
    context.strokeStyle = colors.lost;
    outline(context, square, radius - stroke / 2);
    context.fill();
    context.stroke();
    cross(context, radius * 0.45, Math.max(1.5, radius / 4));
    return;
  }
  const chosen = kind === "selected";
  context.fillStyle = chosen ? colors.selected : kind === "dimmed" ? colors.dimmed[tier] : colors.tiers[tier];
  outline(context, square, radius - (chosen ? 0 : stroke / 2));
  context.fill();
  const ink = chosen ? colors.onSelected : kind === "dimmed" ? colors.muted : colors.onTiers[tier];
  if (chosen) tick(context, radius, ink);
  else if (flags & ACCESSIBLE) wheelchair(context, radius, ink);
  else if (flags & RESTRICTED_VIEW) bar(context, radius, colors.background);
}

function outline(context, square, radius) {
  context.beginPath();
  if (square) context.roundRect(-radius, -radius, 2 * radius, 2 * radius, radius / 4);
  else context.arc(0, 0, radius, 0, 2 * Math.PI);
}

function tick(context, radius, color) {
  context.strokeStyle = color;
  context.lineWidth = Math.max(1.5, radius / 4);
  context.beginPath();
  context.moveTo(-radius * 0.42, radius * 0.02);
  context.lineTo(-radius * 0.1, radius * 0.36);
  context.lineTo(radius * 0.45, -radius * 0.34);
  context.stroke();
}

function cross(context, arm, width) {
  context.lineWidth = width;
  context.beginPath();
  context.moveTo(-arm, -arm);
  context.lineTo(arm, arm);
  context.moveTo(arm, -arm);
  context.lineTo(-arm, arm);
  context.stroke();
}

/** A head, a back and leg, and a wheel: legible from about ten pixels on. */
function wheelchair(context, radius, color) {
  context.strokeStyle = context.fillStyle = color;
  context.lineWidth = Math.max(1, radius / 6);
  context.beginPath();
  context.arc(-radius * 0.12, -radius * 0.58, radius * 0.16, 0, 2 * Math.PI);
  context.fill();
  context.beginPath();
  context.moveTo(-radius * 0.12, -radius * 0.32);
  context.lineTo(-radius * 0.12, radius * 0.08);
  context.lineTo(radius * 0.3, radius * 0.08);
  context.lineTo(radius * 0.48, radius * 0.52);
  context.stroke();
  context.beginPath();
  context.arc(-radius * 0.08, radius * 0.24, radius * 0.38, 0.1 * Math.PI, 1.25 * Math.PI);
  context.stroke();
}

function bar(context, radius, color) {
  context.strokeStyle = color;
  context.lineWidth = Math.max(1.5, radius / 5);
  context.beginPath();
  context.moveTo(-radius * 0.75, radius * 0.75);
  context.lineTo(radius * 0.75, -radius * 0.75);
  context.stroke();
}
