/**
 * The elements around the canvas: zoom buttons, tooltip, legend with filters, messages, and the list of lost seats.
 * @module
 */

/** Makes an element. @returns {any} */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name, value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null) element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

export class Panel {
  /**
   * @param {HTMLElement} root emptied and filled
   * @param {import("./seat-map-words.js").Words} words
   * @param {{zoom: (factor: number) => void, fit: () => void, filter: (filter: {tiers: Set<number>, accessible: boolean}) => void,
   *          swap: (lost: number, seat: number) => void, remove: (seat: number) => void}} actions
   */
  constructor(root, words, actions) {
    Object.assign(this, { root, words, actions });
    const { texts } = words;
    const tool = (label, sign, click) =>
      make("button", { type: "button", class: "seat-map__tool", "aria-label": label, title: label, click }, sign);
    this.canvas = make("canvas", { class: "seat-map__canvas", "aria-hidden": "true" });
    this.tip = make("div", { class: "seat-map__tip", "aria-hidden": "true", hidden: true });
    this.hint = make("p", { class: "seat-map__hint", "aria-hidden": "true", hidden: true });
    this.where = make("p", { class: "seat-map__where", "aria-hidden": "true" });
    this.tools = make(
      "div",
      { class: "seat-map__tools", role: "group", "aria-label": texts.map },
      tool(texts.zoomIn, "+", () => actions.zoom(1.8)),
      tool(texts.zoomOut, "−", () => actions.zoom(1 / 1.8)),
      tool(texts.fit, "⤢", () => actions.fit()),
    );
    this.frame = make("div", { class: "seat-map__frame" }, this.canvas, this.where, this.tools, this.tip, this.hint);
    this.lost = make("ul", { class: "seat-map__lost", hidden: true });
    this.status = make("p", { class: "seat-map__status", role: "status" });
    this.offline = make("p", { class: "seat-map__offline", role: "status" });
    this.legend = this.#legend();
    root.classList.add("seat-map");
    root.replaceChildren(this.legend, this.frame, this.offline, this.status, this.lost);
  }

  #legend() {
    const { texts, geometry } = this.words;
    this.chosen = { tiers: new Set(), accessible: false };
    this.swatches = geometry.tiers.map(() => make("span", { class: "seat-map__swatch" }));
    this.counts = geometry.tiers.map(() => make("span", { class: "seat-map__count" }));
    const filters = geometry.tiers.map((tier, index) =>
      this.#filter(() => toggle(this.chosen.tiers, index), this.swatches[index], `${tier.name} `,
        make("span", { class: "seat-map__price" }, this.words.priceOf(index)), this.counts[index]),
    );
    if (geometry.flags.some((flags) => flags & 1)) {
      const accessible = () => (this.chosen.accessible = !this.chosen.accessible);
      filters.push(this.#filter(accessible, texts.accessibleOnly));
    }
    const key = make("span", { class: "seat-map__key" }, `○ ${texts.keyTaken} · ✓ ${texts.keyChosen}`);
    return make("div", { class: "seat-map__legend", role: "group", "aria-label": texts.filters }, ...filters, key);
  }

  #filter(change, ...children) {
    const click = () => {
      const pressed = change();
      button.setAttribute("aria-pressed", String(pressed));
      this.actions.filter(this.chosen);
    };
    const button = make("button", { type: "button", class: "seat-map__filter", "aria-pressed": "false", click }, ...children);
    return button;
  }

  setColors(colors) {
    this.swatches.forEach((swatch, tier) => (swatch.style.backgroundColor = colors.tiers[tier]));
  }

  /** Renews the counts in the legend. */
  count(availability) {
    this.counts.forEach((count, tier) => {
      const text = this.words.isSold(tier) ? this.words.left(availability.freeInTier(tier)) : "";
      if (count.textContent !== text) count.textContent = text;
    });
  }

  say(text) {
    this.status.textContent = text;
  }

  /** Whether what is shown may be old. */
  online(status) {
    const text = status === "offline" ? this.words.texts.offline : "";
    if (this.offline.textContent !== text) this.offline.textContent = text;
    this.root.dataset.live = status;
  }

  showHint(text) {
    clearTimeout(this.hintTimer);
    this.hint.textContent = text;
    this.hint.hidden = false;
    this.hintTimer = setTimeout(() => (this.hint.hidden = true), 1_600);
  }

  hideHint() {
    this.hint.hidden = true;
  }

  /** Names the part of the venue in view. */
  showWhere(name) {
    if (this.where.textContent !== name) this.where.textContent = name;
  }

  /** @param {?string[]} lines the first in bold; null hides it */
  showTip(lines, x = 0, y = 0) {
    this.tip.hidden = lines === null;
    if (lines === null) return;
    const [first, ...rest] = lines;
    this.tip.replaceChildren(make("strong", {}, first), ...rest.map((line) => make("span", {}, line)));
    const { offsetWidth: width, offsetHeight: height } = this.tip;
    const left = Math.min(Math.max(x - width / 2, 4), this.frame.clientWidth - width - 4);
    const above = y - height - 18;
    this.tip.style.translate = `${left}px ${above > 4 ? above : y + 22}px`;
  }

  /** The lost seats, each with a way out. @param {{seat: number, alternative: ?number}[]} lost */
  showLost(lost) {
    const { texts, geometry } = this.words;
    const item = ({ seat, alternative }) => {
      const remove = () => this.actions.remove(seat);
      const buttons = [make("button", { type: "button", click: remove, "aria-label": `${texts.remove}: ${this.words.seat(seat)}` }, texts.remove)];
      if (alternative !== null) {
        const instead = texts.instead(texts.shortSeat(geometry.describe(alternative)));
        buttons.unshift(make("button", { type: "button", click: () => this.actions.swap(seat, alternative) }, instead));
      }
      return make("li", {}, make("span", {}, `✕ ${texts.lost(this.words.seat(seat))}`), ...buttons);
    };
    this.lost.hidden = lost.length === 0;
    this.lost.replaceChildren(...lost.map(item));
  }
}

function toggle(set, value) {
  if (set.delete(value)) return false;
  set.add(value);
  return true;
}
