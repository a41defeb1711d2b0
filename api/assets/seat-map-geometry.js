/**
 * The geometry of a seat map: the server's compact document unfolded into flat arrays, one entry per seat.
 *
 * The document is described where it is written (the core's `plan/geometry.rs`). A seat is its index; all lengths are
 * centimetres. Nothing here knows the DOM, so that tests run it in Node.
 * @module
 */

export const ACCESSIBLE = 1;
export const COMPANION = 2;
export const RESTRICTED_VIEW = 4;

/** Outline points per row end: more cannot be seen in a section's shape. */
const ROW_SAMPLES_MAX = 12;

/**
 * @typedef {{label: string, section: number, first: number, count: number, numbers: ?number[], labels: ?string[]}} Row
 * @typedef {{code: string, name: string, first: number, count: number, rows: [number, number], outline: number[][],
 *            bounds: number[], center: number[], room_cm: number}} Section
 * @typedef {{code: string, name: string, capacity: number, tier: number, outline: number[][], center: ?number[],
 *            bounds: ?number[], room_cm: number}} Area
 */

export class Geometry {
  /** @param {object} map the document of `GET /api/v1/events/{event}/seat-map` */
  constructor(map) {
    if (map.format !== "usher.seat-map/1") throw new Error(`unknown seat map format ${map.format}`);
    const count = map.seats_count;
    this.seatsCount = count;
    this.name = map.name;
    this.tiers = map.tiers;
    this.focal = map.focal_point_cm;
    this.xs = new Float32Array(count);
    this.ys = new Float32Array(count);
    this.tierOf = new Uint16Array(count);
    this.rowOf = new Uint32Array(count);
    this.flags = new Uint8Array(count);
    /** @type {Row[]} */
    this.rows = [];
    /** @type {Section[]} */
    this.sections = map.sections.map((section, index) => this.#section(section, index));
    /** @type {Area[]} */
    this.areas = map.areas.map(area);
    this.pitch_cm = this.#pitch();
    const [x0, y0, x1, y1] = map.bounds_cm;
    const margin = this.pitch_cm * 2;
    this.bounds = [x0 - margin, y0 - margin, x1 + margin, y1 + margin];
  }

  #section(section, index) {
    const firstRow = this.rows.length;
    let seat = section.first_seat;
    for (const row of section.rows) {
      this.#row(row, index, seat);
      seat += row.count;
    }
    const first = section.first_seat;
    const shape = {
      code: section.code,
      name: section.name,
      first,
      count: seat - first,
      rows: /** @type {[number, number]} */ ([firstRow, this.rows.length]),
    };
    const points = Array.from({ length: shape.count }, (_, i) => [this.xs[first + i], this.ys[first + i]]);
    const outline = this.#outline(shape.rows, points);
    return { ...shape, outline, bounds: boundsOf(points), center: meanOf(points), room_cm: Math.sqrt(Math.abs(areaOf(outline))) };
  }

  #row(row, section, first) {
    const index = this.rows.length;
    const { label, count } = row;
    this.rows.push({ label, section, first, count, numbers: row.numbers ?? null, labels: row.labels ?? null });
    let [x, y] = [0, 0];
    for (let i = 0; i < count; i++) {
      if (row.line) {
        [x, y] = pointOnLine(row.line, i, count);
      } else {
        x += row.path[2 * i];
        y += row.path[2 * i + 1];
      }
      this.xs[first + i] = x;
      this.ys[first + i] = y;
      this.rowOf[first + i] = index;
    }
    let at = first;
    for (const [tier, run] of row.tiers) {
      this.tierOf.fill(tier, at, at + run);
      at += run;
    }
    for (const position of row.accessible ?? []) this.flags[first + position] |= ACCESSIBLE;
    for (const position of row.companion ?? []) this.flags[first + position] |= COMPANION;
    for (const position of row.restricted_view ?? []) this.flags[first + position] |= RESTRICTED_VIEW;
  }

  /** The first row, down one side, the last row back, up the other side; or the hull where rows lie otherwise. */
  #outline([from, to], points) {
    const rows = this.rows.slice(from, to);
    const at = (seat) => [this.xs[seat], this.ys[seat]];
    const along = (row) => {
      const step = Math.max(1, (row.count - 1) / ROW_SAMPLES_MAX);
      const seats = [];
      for (let i = 0; i < row.count - 1; i += step) seats.push(at(row.first + Math.round(i)));
      seats.push(at(row.first + row.count - 1));
      return seats;
    };
    const ends = rows.map((row) => at(row.first + row.count - 1));
    const starts = rows.map((row) => at(row.first)).reverse();
    const outline = [...along(rows[0]), ...ends.slice(1), ...along(rows[rows.length - 1]).reverse(), ...starts.slice(1, -1)];
    const hull = hullOf(points);
    // Rows that do not lie behind each other make a tangled outline, which encloses little.
    return Math.abs(areaOf(outline)) >= 0.6 * Math.abs(areaOf(hull)) ? outline : hull;
  }

  /** The usual distance between neighbours: the median over a sample of rows. */
  #pitch() {
    const distances = [];
    const step = Math.max(1, Math.floor(this.rows.length / 200));
    for (let i = 0; i < this.rows.length; i += step) {
      const { first, count } = this.rows[i];
      if (count < 2) continue;
      distances.push(Math.hypot(this.xs[first + 1] - this.xs[first], this.ys[first + 1] - this.ys[first]));
    }
    distances.sort((a, b) => a - b);
    return distances[distances.length >> 1] || 55;
  }

  /** @param {number} seat @returns {string} */
  label(seat) {
    const row = this.rows[this.rowOf[seat]];
    const position = seat - row.first;
    return row.labels ? row.labels[position] : String(row.numbers[0] + row.numbers[1] * position);
  }

  /**
   * What a seat is called, for people.
   * @param {number} seat
   */
  describe(seat) {
    const row = this.rows[this.rowOf[seat]];
    const section = this.sections[row.section];
    const flags = this.flags[seat];
    return {
      seat,
      section: section.name,
      sectionCode: section.code,
      row: row.label,
      label: this.label(seat),
      tier: this.tiers[this.tierOf[seat]],
      accessible: (flags & ACCESSIBLE) !== 0,
      companion: (flags & COMPANION) !== 0,
      restrictedView: (flags & RESTRICTED_VIEW) !== 0,
    };
  }
}

/** Seat i of n on a row's line: a straight line with a parabola on it. */
export function pointOnLine([x0, y0, x1, y1, bulgeX, bulgeY], i, count) {
  const t = count > 1 ? i / (count - 1) : 0;
  const arc = 4 * t * (1 - t);
  return [x0 + (x1 - x0) * t + bulgeX * arc, y0 + (y1 - y0) * t + bulgeY * arc];
}

function area({ code, name, capacity, tier, outline_cm: outline = [] }) {
  const drawn = outline.length > 0;
  return {
    code,
    name,
    capacity,
    tier,
    outline,
    bounds: drawn ? boundsOf(outline) : null,
    center: drawn ? meanOf(outline) : null,
    room_cm: Math.sqrt(Math.abs(areaOf(outline))),
  };
}

/** @param {number[][]} points */
export function boundsOf(points) {
  const bounds = [Infinity, Infinity, -Infinity, -Infinity];
  for (const [x, y] of points) {
    bounds[0] = Math.min(bounds[0], x);
    bounds[1] = Math.min(bounds[1], y);
    bounds[2] = Math.max(bounds[2], x);
    bounds[3] = Math.max(bounds[3], y);
  }
  return bounds;
}

function meanOf(points) {
  let [x, y] = [0, 0];
  for (const point of points) {
    x += point[0];
    y += point[1];
  }
  return [x / points.length, y / points.length];
}

/** Signed area of a polygon. */
export function areaOf(points) {
  let sum = 0;
  for (let i = 0; i < points.length; i++) {
    const [x0, y0] = points[i];
    const [x1, y1] = points[(i + 1) % points.length];
    sum += x0 * y1 - x1 * y0;
  }
  return sum / 2;
}

/** Convex hull by monotone chain. */
export function hullOf(points) {
  const sorted = [...points].sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  if (sorted.length < 3) return sorted;
  const half = (list) => {
    const chain = [];
    for (const point of list) {
      while (chain.length > 1 && turn(chain[chain.length - 2], chain[chain.length - 1], point) <= 0) chain.pop();
      chain.push(point);
    }
    chain.pop();
    return chain;
  };
  return [...half(sorted), ...half(sorted.reverse())];
}

function turn(a, b, c) {
  return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]);
}

/** Is the point inside the polygon? */
export function contains(polygon, x, y) {
  let inside = false;
  for (let i = 0, j = polygon.length - 1; i < polygon.length; j = i++) {
    const [xi, yi] = polygon[i];
    const [xj, yj] = polygon[j];
    if (yi > y !== yj > y && x < ((xj - xi) * (y - yi)) / (yj - yi) + xi) inside = !inside;
  }
  return inside;
}
