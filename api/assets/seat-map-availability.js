/**
 * Which seats are free: two bits a seat from the server, then changes; counts by section and tier kept alongside.
 * @module
 */

export const AVAILABLE = 0;
export const HELD = 1;
export const SOLD = 2;
export const BLOCKED = 3;

/** Unfolds base64 of two bits a seat, seat 0 in the lowest bits. */
export function unpackStates(base64, count) {
  const packed = atob(base64);
  if (packed.length * 4 < count) throw new Error(`availability of ${packed.length * 4} seats for a map of ${count}`);
  const states = new Uint8Array(count);
  for (let seat = 0; seat < count; seat++) states[seat] = (packed.charCodeAt(seat >> 2) >> (2 * (seat & 3))) & 3;
  return states;
}

export class Availability {
  /** @param {import("./seat-map-geometry.js").Geometry} geometry */
  constructor(geometry) {
    this.geometry = geometry;
    /** -1 until the first picture. */
    this.version = -1;
    this.phase = null;
    // Until told otherwise nothing is offered.
    this.states = new Uint8Array(geometry.seatsCount).fill(BLOCKED);
    this.bySection = new Uint32Array(geometry.sections.length);
    this.byTier = new Uint32Array(geometry.tiers.length);
    /** Free seats by section × tier, for "from" prices. */
    this.bySectionTier = new Uint32Array(geometry.sections.length * geometry.tiers.length);
    this.areas = new Map(geometry.areas.map((area) => [area.code, 0]));
  }

  isFree(seat) {
    return this.states[seat] === AVAILABLE;
  }

  /**
   * Takes a whole picture.
   * @returns {number[]} seats whose state changed
   */
  replace({ version, phase, seats, areas }) {
    if (version < this.version) return [];
    const states = unpackStates(seats, this.geometry.seatsCount);
    const changed = [];
    for (let seat = 0; seat < states.length; seat++) {
      if (this.#set(seat, states[seat])) changed.push(seat);
    }
    this.#rest(version, phase, areas);
    return changed;
  }

  /**
   * Takes changes. Older ones than what is known say nothing new.
   * @returns {number[]} seats whose state changed
   */
  apply({ version, phase, seats, areas }) {
    if (version <= this.version) return [];
    const changed = [];
    for (const [seat, state] of seats ?? []) {
      if (seat < this.states.length && this.#set(seat, state)) changed.push(seat);
    }
    this.#rest(version, phase, areas);
    return changed;
  }

  #rest(version, phase, areas) {
    this.version = version;
    this.phase = phase ?? this.phase;
    for (const { code, available_count: count } of areas ?? []) this.areas.set(code, count);
  }

  #set(seat, state) {
    const before = this.states[seat];
    if (before === state) return false;
    this.states[seat] = state;
    if (before === AVAILABLE) this.#count(seat, -1);
    if (state === AVAILABLE) this.#count(seat, 1);
    return true;
  }

  #count(seat, by) {
    const { rows, rowOf, tierOf, tiers } = this.geometry;
    const section = rows[rowOf[seat]].section;
    this.bySection[section] += by;
    this.byTier[tierOf[seat]] += by;
    this.bySectionTier[section * tiers.length + tierOf[seat]] += by;
  }

  /** Free places of a tier, areas included. */
  freeInTier(tier) {
    const areas = this.geometry.areas.filter((area) => area.tier === tier);
    return areas.reduce((sum, area) => sum + (this.areas.get(area.code) ?? 0), this.byTier[tier]);
  }

  /**
   * What a section offers: the tier most free seats are in, the lowest price, whether there are others, how many seats.
   * @param {(tier: number) => ?number} price null for a tier that is not sold
   * @param {(tier: number) => boolean} shown
   */
  offer(section, price, shown = () => true) {
    const { tiers } = this.geometry;
    let [tier, most, count] = [null, 0, 0];
    const amounts = new Set();
    for (let i = 0; i < tiers.length; i++) {
      const free = this.bySectionTier[section * tiers.length + i];
      if (free === 0 || price(i) === null || !shown(i)) continue;
      if (free > most) [tier, most] = [i, free];
      count += free;
      amounts.add(price(i));
    }
    return { tier, from_minor: count > 0 ? Math.min(...amounts) : null, several: amounts.size > 1, count };
  }

  /**
   * A free seat of the same tier near a seat: in the same row if there is one, else the nearest of the section.
   * @param {(seat: number) => boolean} taken seats not to offer
   * @returns {?number}
   */
  alternative(seat, taken = () => false) {
    const { rows, rowOf, tierOf, flags, xs, ys, sections } = this.geometry;
    const section = sections[rows[rowOf[seat]].section];
    let [best, bestCost] = [null, Infinity];
    for (let other = section.first; other < section.first + section.count; other++) {
      if (!this.isFree(other) || taken(other)) continue;
      if (tierOf[other] !== tierOf[seat] || (flags[other] & 3) !== (flags[seat] & 3)) continue;
      const away = Math.hypot(xs[other] - xs[seat], ys[other] - ys[seat]);
      // Another row counts as three seats away.
      const cost = away + (rowOf[other] === rowOf[seat] ? 0 : 3 * this.geometry.pitch_cm);
      if (cost < bestCost) [best, bestCost] = [other, cost];
    }
    return best;
  }
}
