/**
 * What the map says: prices, names, counts and messages. Every text can be replaced by the page.
 * @module
 */

export const TEXTS = {
  stage: "Stage",
  zoomIn: "Zoom in",
  zoomOut: "Zoom out",
  fit: "Show the whole venue",
  map: "Seat map",
  filters: "Show on the map",
  accessibleOnly: "Wheelchair places",
  from: (price) => `from ${price}`,
  orMore: (price) => `${price}+`,
  left: (count) => `${count} left`,
  soldOut: "sold out",
  notOnSale: "not on sale",
  seat: (seat) => `${seat.section}, row ${seat.row}, seat ${seat.label}`,
  shortSeat: (seat) => `row ${seat.row}, seat ${seat.label}`,
  accessible: "wheelchair place",
  companion: "companion seat",
  restrictedView: "restricted view",
  taken: "taken",
  held: "in someone's basket; it may come back",
  standing: (name) => `${name}: standing, choose how many in the list`,
  added: (seat, count, max) => `${seat} chosen. ${count} of ${max} places.`,
  removed: (seat, count, max) => `${seat} taken out. ${count} of ${max} places.`,
  limit: (max) => `You can choose at most ${max} places.`,
  lost: (seat) => `${seat} has just been taken by someone else.`,
  regained: (seat) => `${seat} is free again and back in your selection.`,
  instead: (seat) => `Take ${seat} instead`,
  remove: "Remove",
  comeNearer: "Tap again to choose a seat.",
  wheel: "Hold Ctrl and scroll to zoom",
  offline: "Availability is not up to date: no connection. We keep trying.",
  keyTaken: "taken",
  keyChosen: "chosen",
};

/** The currencies' own number of decimals decides where the point goes. */
export function priceFormat(currency, locale) {
  const format = new Intl.NumberFormat(locale, { style: "currency", currency });
  const decimals = format.resolvedOptions().maximumFractionDigits ?? 2;
  const whole = new Intl.NumberFormat(locale, { style: "currency", currency, maximumFractionDigits: 0 });
  return (minor) => {
    const amount = minor / 10 ** decimals;
    return Number.isInteger(amount) ? whole.format(amount) : format.format(amount);
  };
}

/** The first of several choices of lines, richest first, that fits into a square of `room` pixels. */
export function shownLines(choices, width, room, lineHeight) {
  const fits = (lines) => lines.length * lineHeight <= room && lines.every((text, i) => width(text, i) <= room);
  return choices.find(fits) ?? [];
}

export class Words {
  /**
   * @param {import("./seat-map-geometry.js").Geometry} geometry
   * @param {{prices: Record<string, number>, currency: string, locale?: string, texts?: object}} options
   *   prices in minor units by tier code
   */
  constructor(geometry, { prices, currency, locale, texts }) {
    this.geometry = geometry;
    this.texts = { ...TEXTS, ...texts };
    this.format = priceFormat(currency, locale);
    this.number = new Intl.NumberFormat(locale);
    this.minor = geometry.tiers.map((tier) => prices[tier.code] ?? null);
    /** A tier's price in minor units, or null. */
    this.price = (tier) => this.minor[tier];
  }

  /** Without a price a tier is not sold. */
  isSold(tier) {
    return this.minor[tier] !== null;
  }

  priceOf(tier) {
    const minor = this.minor[tier];
    return minor === null ? this.texts.notOnSale : this.format(minor);
  }

  left(count) {
    return count > 0 ? this.texts.left(this.number.format(count)) : this.texts.soldOut;
  }

  /** Lines for a section's shape, richest choice first. */
  ofSection({ name, code }, { from_minor: from, several, count }) {
    const left = this.left(count);
    if (count === 0) return [[name, left], [code, left], [code]];
    const price = several ? this.texts.from(this.format(from)) : this.format(from);
    const short = several ? this.texts.orMore(this.format(from)) : price;
    return [[name, price, left], [code, price, left], [code, short, left], [code, short, this.number.format(count)], [code, short], [code]];
  }

  ofArea({ name, code, tier }, count) {
    const price = this.priceOf(tier);
    return this.isSold(tier) ? [[name, price, this.left(count)], [name, price], [name], [code]] : [[name, price], [name], [code]];
  }

  seat(seat) {
    return this.texts.seat(this.geometry.describe(seat));
  }

  /** All there is to know about a seat, in short parts. */
  seatParts(seat, state) {
    const { tier, accessible, companion, restrictedView } = this.geometry.describe(seat);
    const { texts } = this;
    const offer = `${tier.name} · ${this.priceOf(this.geometry.tierOf[seat])}`;
    const status = state === 0 || !this.isSold(this.geometry.tierOf[seat]) ? offer : state === 1 ? texts.held : texts.taken;
    const notes = [accessible && texts.accessible, companion && texts.companion, restrictedView && texts.restrictedView];
    return [this.seat(seat), status, ...notes.filter(Boolean)];
  }
}
