/**
 * The seat choice page: shows the map and keeps its form in step with what is chosen there.
 * @module
 */
import { mountSeatMap, SelectionStore } from "./seat-map.js";
import { make } from "./seat-map-panel.js";
import { priceFormat } from "./seat-map-words.js";

/** Shows the map; without it the list below does all that the map does. */
async function start(element, section) {
  const { event, digest, currency, prices, chosen: asked, placesMax } = element.dataset;
  const store = new SelectionStore({ placesMax: Number(placesMax) });
  const base = `/api/v1/events/${event}`;
  section.hidden = false;
  const map = await mountSeatMap(element, {
    geometryUrl: `${base}/seat-map?v=${digest}`,
    availabilityUrl: `${base}/availability`,
    liveUrl: `${base}/live`,
    prices: JSON.parse(prices),
    currency,
    store,
  });
  const fields = document.getElementById("map-seats");
  const chosen = document.getElementById("map-chosen");
  const total = document.getElementById("map-total");
  const button = document.getElementById("map-hold");
  const price = priceFormat(currency);
  const show = () => {
    const seats = store.seats();
    fields.replaceChildren(...seats.map((seat) => make("input", { type: "hidden", form: "chosen", name: "seat", value: seat })));
    chosen.replaceChildren(...seats.map((seat) => {
      const at = map.describe(seat);
      const name = `${at.section}, row ${at.row}, seat ${at.label}`;
      const remove = make("button", { type: "button", class: "link", "aria-label": `Take out ${name}`, click: () => store.remove(seat) }, "Take out");
      return make("li", {}, `${name} · ${price(at.price_minor)} `, remove);
    }));
    button.disabled = seats.length === 0;
    const sum = seats.reduce((all, seat) => all + map.describe(seat).price_minor, 0);
    total.textContent = seats.length === 0 ? "No seat chosen on the map yet." : `${seats.length} chosen, ${price(sum)} together`;
  };
  store.subscribe(show);
  // What was asked for before, where it could not be had altogether.
  for (const seat of JSON.parse(asked)) store.add(seat);
  show();
  element.addEventListener("seat-map:area", () => {
    const standing = document.getElementById("standing-section");
    standing?.scrollIntoView({ block: "center" });
    standing?.querySelector("input[type=number]")?.focus({ preventScroll: true });
  });
}

const section = document.getElementById("map-section");
const element = document.getElementById("map");
if (section && element) {
  start(element, section).catch((error) => {
    section.hidden = true;
    console.error(error);
  });
}
