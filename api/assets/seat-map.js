/**
 * The seat map: a canvas that shows every place of a venue and lets one choose seats.
 *
 *   import { mountSeatMap, SelectionStore } from "./seat-map.js";
 *   const store = new SelectionStore({ placesMax: 10 });
 *   const map = await mountSeatMap(element, { geometryUrl, availabilityUrl, liveUrl, prices, currency, store });
 *
 * The canvas is hidden from assistive technology: the page puts the same choice beside it as a list of sections, rows
 * and seats, and both work on one SelectionStore. `map.focusSeat(seat)` lets the map follow the list's focus.
 * The element sends `seat-map:area` (detail: the area's code) when a standing area is tapped.
 * @module
 */
import { Availability } from "./seat-map-availability.js";
import { between, View } from "./seat-map-camera.js";
import { ACCESSIBLE, Geometry } from "./seat-map-geometry.js";
import { SeatGrid } from "./seat-map-grid.js";
import { listen } from "./seat-map-input.js";
import { LiveAvailability } from "./seat-map-live.js";
import { Painter, SEATS_FROM_PX, TARGET_PX } from "./seat-map-painter.js";
import { palette } from "./seat-map-palette.js";
import { Panel } from "./seat-map-panel.js";
import { SelectionStore } from "./seat-map-store.js";
import { Words } from "./seat-map-words.js";

export { Availability, Geometry, SelectionStore };

const ANIMATION_MS = 260;
/** A mouse points more exactly than a finger. */
const MOUSE_TARGET_PX = 12;
/** So close does a tap come that seats can then be hit. */
const NEAR_PX = 30;

/**
 * @typedef {object} Options
 * @property {string} geometryUrl the immutable seat map
 * @property {string} availabilityUrl
 * @property {string} [liveUrl] server-sent events; without it availability is polled
 * @property {Record<string, number>} prices minor units by tier code
 * @property {string} currency ISO 4217
 * @property {string} [locale]
 * @property {number} [placesMax] used when no store is given
 * @property {SelectionStore} [store]
 * @property {object} [texts] replaces entries of TEXTS in seat-map-words.js
 */

/** @param {HTMLElement} element @param {Options} options @returns {Promise<SeatMap>} */
export async function mountSeatMap(element, options) {
  const response = await fetch(options.geometryUrl);
  if (!response.ok) throw new Error(`seat map answered ${response.status}`);
  return new SeatMap(element, new Geometry(await response.json()), options);
}

export class SeatMap {
  #ended = new AbortController();
  #frame = 0;
  #animation = null;
  #still = matchMedia("(prefers-reduced-motion: reduce)");

  /** @param {HTMLElement} element @param {Geometry} geometry @param {Options} options */
  constructor(element, geometry, options) {
    this.element = element;
    this.geometry = geometry;
    this.store = options.store ?? new SelectionStore({ placesMax: options.placesMax });
    this.availability = new Availability(geometry);
    this.words = new Words(geometry, options);
    this.view = new View(geometry.bounds, geometry.pitch_cm);
    this.panel = new Panel(element, this.words, {
      zoom: (factor) => this.#go(this.view.zoomedAt(this.view.width / 2, this.view.height / 2, factor)),
      fit: () => this.#go(this.view.fitted(geometry.bounds)),
      filter: (filter) => this.setFilter(filter),
      swap: (lost, seat) => this.store.swap(lost, seat),
      remove: (seat) => this.store.remove(seat),
    });
    const { availability, store, words } = this;
    this.painter = new Painter(this.panel.canvas, { geometry, grid: new SeatGrid(geometry), availability, store, words });
    store.isFree = (seat) => availability.isFree(seat) && words.isSold(geometry.tierOf[seat]);
    this.#listen();
    this.live = new LiveAvailability({
      availability,
      availabilityUrl: options.availabilityUrl,
      liveUrl: options.liveUrl ?? null,
      onChange: (seats) => this.#changed(seats),
      onStatus: (status) => this.panel.online(status),
    });
    /** Settles when availability has been asked for once. */
    this.ready = this.live.start();
  }

  #listen() {
    const { signal } = this.#ended;
    this.#theme();
    for (const query of ["(prefers-color-scheme: dark)", "(forced-colors: active)", "(prefers-contrast: more)"]) {
      matchMedia(query).addEventListener("change", () => this.#theme(), { signal });
    }
    this.resizing = new ResizeObserver(() => this.#resize());
    this.resizing.observe(this.panel.frame);
    this.#resize();
    signal.addEventListener("abort", this.store.subscribe((change) => this.#selected(change)));
    listen(this.panel.canvas, {
      pan: (dx, dy) => this.#jump(this.view.panned(dx, dy)),
      zoom: (x, y, factor) => this.#jump(this.view.zoomedAt(x, y, factor)),
      tap: (x, y, type) => this.#tap(x, y, type),
      hover: (x, y) => this.#hover(x, y),
      wheelRefused: () => this.panel.showHint(this.words.texts.wheel),
      isWhole: () => this.view.isWhole(),
    }, signal);
  }

  /** Ends everything the map does. */
  destroy() {
    this.#ended.abort();
    this.live.stop();
    this.resizing.disconnect();
    cancelAnimationFrame(this.#frame);
  }

  /** What a seat is called and what it costs, for the list. */
  describe(seat) {
    return { ...this.geometry.describe(seat), price_minor: this.words.price(this.geometry.tierOf[seat]) };
  }

  /** Shows a seat and rings it; `null` takes the ring away. @param {?number} seat */
  focusSeat(seat) {
    this.painter.focused = seat;
    if (seat === null) return this.redraw();
    this.#go(this.view.near(this.geometry.xs[seat], this.geometry.ys[seat], NEAR_PX));
  }

  /** Shows a section or an area whole. @param {string} code */
  focusSection(code) {
    const shape = [...this.geometry.sections, ...this.geometry.areas].find((candidate) => candidate.code === code);
    if (shape?.bounds) this.#go(this.#around(shape));
  }

  /** @param {{tiers: Set<number>, accessible: boolean}} filter no tiers means all of them */
  setFilter({ tiers, accessible }) {
    const { tierOf, flags, sections } = this.geometry;
    const tier = (index) => tiers.size === 0 || tiers.has(index);
    const seat = (index) => tier(tierOf[index]) && (!accessible || (flags[index] & ACCESSIBLE) !== 0);
    const section = (index) => {
      const { first, count } = sections[index];
      for (let i = first; i < first + count; i++) if (seat(i) && this.availability.isFree(i)) return true;
      return false;
    };
    const area = (index) => !accessible && tier(index);
    this.painter.filter = tiers.size === 0 && !accessible ? null : { tier, area, seat, section };
    this.redraw();
  }

  redraw() {
    this.#frame ||= requestAnimationFrame((now) => this.#paint(now));
  }

  #paint(now) {
    this.#frame = 0;
    if (this.#animation) {
      const { from, to, began } = this.#animation;
      const t = Math.min((now - began) / ANIMATION_MS, 1);
      this.view.camera = t < 1 ? between(from, to, Math.max(t, 0)) : to;
      if (t < 1) this.redraw();
      else this.#animation = null;
    }
    this.painter.draw(this.view);
    this.panel.showWhere(this.#where());
    // One finger scrolls the page while there is nothing to pan.
    this.panel.canvas.style.touchAction = this.view.isWhole() ? "pan-y" : "none";
  }

  /** The section in the middle of the view, once its shape no longer names it. */
  #where() {
    if (this.view.pitch_px() < SEATS_FROM_PX) return "";
    const { section, area } = this.painter.hit(this.view, this.view.width / 2, this.view.height / 2);
    return this.geometry.sections[section]?.name ?? this.geometry.areas[area]?.name ?? "";
  }

  #jump(camera) {
    this.#animation = null;
    this.view.camera = camera;
    this.panel.showTip(null);
    this.redraw();
  }

  #go(camera) {
    if (this.#still.matches) return this.#jump(camera);
    this.panel.showTip(null);
    this.#animation = { from: this.view.camera, to: camera, began: performance.now() };
    this.redraw();
  }

  /** The whole shape, but near enough to see its seats. */
  #around({ bounds, center }) {
    const camera = this.view.fitted(bounds);
    const enough = (SEATS_FROM_PX * 1.5) / this.geometry.pitch_cm;
    return this.view.clamped(camera.scale >= enough ? camera : { scale: enough, x: center[0], y: center[1] });
  }

  #theme() {
    const style = getComputedStyle(this.element);
    const page = { background: style.getPropertyValue("--seat-map-ground").trim(), ink: style.getPropertyValue("--seat-map-ink").trim() };
    const colors = palette({ background: page.background || "#ffffff", ink: page.ink || "#111111" }, this.geometry.tiers);
    this.painter.setColors(colors);
    this.panel.setColors(colors);
    this.redraw();
  }

  #resize() {
    const { clientWidth: width, clientHeight: height } = this.panel.frame;
    if (width === 0 || height === 0) return;
    this.#animation = null;
    this.view.resize(width, height);
    this.painter.resize(width, height, Math.min(window.devicePixelRatio || 1, 3));
    this.redraw();
  }

  #changed(_seats) {
    this.store.reconcile();
    this.#showLost();
    this.panel.count(this.availability);
    this.redraw();
  }

  #showLost() {
    const offered = new Set();
    const taken = (seat) => this.store.has(seat) || offered.has(seat);
    const lost = this.store.lost().map((seat) => {
      const alternative = this.store.isFull ? null : this.availability.alternative(seat, taken);
      if (alternative !== null) offered.add(alternative);
      return { seat, alternative };
    });
    const key = JSON.stringify(lost);
    // Buttons are not replaced under somebody's finger or focus without need.
    if (key !== this.lostShown) this.panel.showLost(lost);
    this.lostShown = key;
  }

  #selected({ type, seat }) {
    const { texts } = this.words;
    const { count, placesMax } = this.store;
    const name = seat === undefined ? "" : this.words.seat(seat);
    if (type === "add") this.panel.say(texts.added(name, count, placesMax));
    else if (type === "remove") this.panel.say(texts.removed(name, count, placesMax));
    else if (type === "limit") this.panel.say(texts.limit(placesMax));
    else if (type === "lost") this.panel.say(texts.lost(name));
    else if (type === "regained") this.panel.say(texts.regained(name));
    this.#showLost();
    this.redraw();
  }

  #tap(x, y, pointerType) {
    const hit = this.painter.hit(this.view, x, y);
    const target = pointerType === "mouse" ? MOUSE_TARGET_PX : TARGET_PX;
    const [planX, planY] = this.view.toPlan(x, y);
    if (hit.seat !== null && this.view.pitch_px() >= target) return this.#choose(hit.seat, x, y);
    if (hit.area !== null) {
      const { code, name } = this.geometry.areas[hit.area];
      this.panel.say(this.words.texts.standing(name));
      this.element.dispatchEvent(new CustomEvent("seat-map:area", { bubbles: true, detail: code }));
      return;
    }
    if (hit.section === null) return this.#go(this.view.clamped({ ...this.view.camera, x: planX, y: planY }));
    if (this.view.pitch_px() < SEATS_FROM_PX) return this.#go(this.#around(this.geometry.sections[hit.section]));
    if (hit.seat !== null && this.view.pitch_px() < target) this.panel.showHint(this.words.texts.comeNearer);
    this.#go(this.view.near(planX, planY, NEAR_PX));
  }

  #choose(seat, x, y) {
    this.panel.hideHint();
    const outcome = this.store.toggle(seat);
    const parts = this.words.seatParts(seat, this.availability.states[seat]);
    this.panel.showTip(parts, x, y);
    if (!outcome.ok && outcome.reason === "unavailable") this.panel.say(parts.slice(0, 2).join(": "));
  }

  #hover(x, y) {
    const none = { seat: null, section: null, area: null };
    const hit = x === null ? none : this.painter.hit(this.view, x, y);
    const before = this.painter.hover;
    this.painter.hover = hit;
    this.panel.canvas.style.cursor = hit.seat ?? hit.section ?? hit.area ?? null ? "pointer" : "grab";
    if (x === null) this.panel.showTip(null);
    else this.panel.showTip(this.#tipOf(hit), x, y);
    if (before.seat !== hit.seat || before.section !== hit.section || before.area !== hit.area) this.redraw();
  }

  #tipOf({ seat, section, area }) {
    if (seat !== null) return this.words.seatParts(seat, this.availability.states[seat]);
    if (section !== null && this.view.pitch_px() < SEATS_FROM_PX) {
      const offer = this.availability.offer(section, this.words.price);
      return this.words.ofSection(this.geometry.sections[section], offer)[0];
    }
    if (area === null) return null;
    const shape = this.geometry.areas[area];
    return this.words.ofArea(shape, this.availability.areas.get(shape.code) ?? 0)[0];
  }
}
