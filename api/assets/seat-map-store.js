/**
 * What the buyer has chosen so far: shared by the map, the list beside it and the form that holds the places.
 *
 * Nothing is held on the server yet, so somebody else may take a chosen seat. Such a seat is *lost*: it stays in the
 * selection, visible and named, until the buyer takes it out, but it is not asked for and does not count.
 * @module
 */

/**
 * @typedef {{type: "add"|"remove"|"lost"|"regained"|"quantity"|"clear"|"limit", seat?: number, area?: string}} Change
 * @typedef {{ok: true} | {ok: false, reason: "limit"|"already"|"unavailable"}} Outcome
 */

export class SelectionStore {
  #seats = new Set();
  #lost = new Set();
  #areas = new Map();
  #listeners = new Set();
  #frozen = false;

  /** @param {{placesMax?: number, isFree?: (seat: number) => boolean}} options */
  constructor({ placesMax = 10, isFree = () => true } = {}) {
    this.placesMax = placesMax;
    /** Replaced by the map once it knows. */
    this.isFree = isFree;
  }

  /** Places chosen: seats that are not lost, and quantities in areas. */
  get count() {
    let count = this.#seats.size - this.#lost.size;
    for (const quantity of this.#areas.values()) count += quantity;
    return count;
  }

  get isFull() {
    return this.count >= this.placesMax;
  }

  /** Chosen seats that can still be had, in the order they were chosen. @returns {number[]} */
  seats() {
    return [...this.#seats].filter((seat) => !this.#lost.has(seat));
  }

  /** Chosen seats somebody else took. @returns {number[]} */
  lost() {
    return [...this.#lost];
  }

  /** Quantities by area code, without zeros. @returns {[string, number][]} */
  areas() {
    return [...this.#areas];
  }

  /** Chosen, lost or not. */
  has(seat) {
    return this.#seats.has(seat);
  }

  isLost(seat) {
    return this.#lost.has(seat);
  }

  quantity(area) {
    return this.#areas.get(area) ?? 0;
  }

  /** @param {number} seat @returns {Outcome} */
  add(seat) {
    if (this.#seats.has(seat)) return { ok: false, reason: "already" };
    if (!this.isFree(seat)) return { ok: false, reason: "unavailable" };
    if (this.isFull) return this.#refuse({ type: "limit", seat });
    this.#seats.add(seat);
    this.#tell({ type: "add", seat });
    return { ok: true };
  }

  /** @param {number} seat */
  remove(seat) {
    if (!this.#seats.delete(seat)) return false;
    this.#lost.delete(seat);
    this.#tell({ type: "remove", seat });
    return true;
  }

  /** @param {number} seat @returns {Outcome} */
  toggle(seat) {
    return this.remove(seat) ? { ok: true } : this.add(seat);
  }

  /** Puts another seat in the place of a lost one. @returns {Outcome} */
  swap(lost, seat) {
    const outcome = this.add(seat);
    if (outcome.ok) this.remove(lost);
    return outcome;
  }

  /** @param {string} area @param {number} quantity @returns {Outcome} */
  setQuantity(area, quantity) {
    const wanted = Math.max(0, Math.trunc(quantity) || 0);
    const before = this.quantity(area);
    if (wanted === before) return { ok: true };
    if (this.count - before + wanted > this.placesMax) return this.#refuse({ type: "limit", area });
    if (wanted > 0) this.#areas.set(area, wanted);
    else this.#areas.delete(area);
    this.#tell({ type: "quantity", area });
    return { ok: true };
  }

  clear() {
    this.#seats.clear();
    this.#lost.clear();
    this.#areas.clear();
    this.#tell({ type: "clear" });
  }

  /**
   * Compares the selection with what is free now: seats taken by others become lost, lost ones that came back are
   * regained while there is room for them.
   */
  reconcile() {
    if (this.#frozen) return;
    for (const seat of this.#seats) {
      const free = this.isFree(seat);
      if (!free && !this.#lost.has(seat)) {
        this.#lost.add(seat);
        this.#tell({ type: "lost", seat });
      } else if (free && this.#lost.has(seat) && !this.isFull) {
        this.#lost.delete(seat);
        this.#tell({ type: "regained", seat });
      }
    }
  }

  /** From now until `thaw` seats are not lost: the buyer's own hold takes them just now. */
  freeze() {
    this.#frozen = true;
  }

  thaw() {
    this.#frozen = false;
    this.reconcile();
  }

  /** @param {(change: Change) => void} listener @returns {() => void} ends the subscription */
  subscribe(listener) {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** What to send to `POST /api/v1/events/{event}/holds`. */
  asks() {
    const seats = this.seats();
    const ga = this.areas().map(([area, quantity]) => ({ kind: "ga", area, quantity }));
    return seats.length > 0 ? [{ kind: "seats", seats }, ...ga] : ga;
  }

  #refuse(change) {
    this.#tell(change);
    return { ok: false, reason: "limit" };
  }

  #tell(change) {
    for (const listener of [...this.#listeners]) listener(change);
  }
}
