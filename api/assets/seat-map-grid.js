/**
 * A uniform grid over the seats: which ones are in view, which one is under the finger. Cost depends on what is seen,
 * never on the size of the venue.
 * @module
 */

/** Cells are this many seats wide. */
const CELL_PITCHES = 8;
/** A sparse plan must not make a grid of millions of empty cells. */
const CELLS_PER_SIDE_MAX = 512;

export class SeatGrid {
  /** @param {import("./seat-map-geometry.js").Geometry} geometry */
  constructor(geometry) {
    this.geometry = geometry;
    const [x0, y0, x1, y1] = geometry.bounds;
    this.cell_cm = Math.max(geometry.pitch_cm * CELL_PITCHES, (x1 - x0) / CELLS_PER_SIDE_MAX, (y1 - y0) / CELLS_PER_SIDE_MAX);
    this.columns = Math.max(1, Math.ceil((x1 - x0) / this.cell_cm));
    this.lines = Math.max(1, Math.ceil((y1 - y0) / this.cell_cm));
    const { xs, ys, seatsCount } = geometry;
    // Counting sort: `starts` says where each cell's seats begin in `seats`.
    this.starts = new Uint32Array(this.columns * this.lines + 1);
    const cellOf = new Uint32Array(seatsCount);
    for (let seat = 0; seat < seatsCount; seat++) {
      cellOf[seat] = this.#line(ys[seat]) * this.columns + this.#column(xs[seat]);
      this.starts[cellOf[seat] + 1]++;
    }
    for (let cell = 1; cell < this.starts.length; cell++) this.starts[cell] += this.starts[cell - 1];
    this.seats = new Uint32Array(seatsCount);
    const next = this.starts.slice();
    for (let seat = 0; seat < seatsCount; seat++) this.seats[next[cellOf[seat]]++] = seat;
    this.found = new Uint32Array(seatsCount);
  }

  #column(x) {
    return clamp(Math.floor((x - this.geometry.bounds[0]) / this.cell_cm), 0, this.columns - 1);
  }

  #line(y) {
    return clamp(Math.floor((y - this.geometry.bounds[1]) / this.cell_cm), 0, this.lines - 1);
  }

  /**
   * The seats in the cells that a rectangle touches. The array is reused by the next call.
   * @returns {Uint32Array}
   */
  inside([x0, y0, x1, y1]) {
    let count = 0;
    const [left, right] = [this.#column(x0), this.#column(x1)];
    for (let line = this.#line(y0); line <= this.#line(y1); line++) {
      const from = this.starts[line * this.columns + left];
      const to = this.starts[line * this.columns + right + 1];
      this.found.set(this.seats.subarray(from, to), count);
      count += to - from;
    }
    return this.found.subarray(0, count);
  }

  /**
   * The seat nearest to a point, at most `reach_cm` away.
   * @returns {?number}
   */
  nearest(x, y, reach_cm, accept = (_seat) => true) {
    const { xs, ys } = this.geometry;
    let [best, bestSquared] = [null, reach_cm * reach_cm];
    for (const seat of this.inside([x - reach_cm, y - reach_cm, x + reach_cm, y + reach_cm])) {
      const squared = (xs[seat] - x) ** 2 + (ys[seat] - y) ** 2;
      if (squared <= bestSquared && accept(seat)) [best, bestSquared] = [seat, squared];
    }
    return best;
  }
}

export function clamp(value, min, max) {
  return Math.min(Math.max(value, min), max);
}
