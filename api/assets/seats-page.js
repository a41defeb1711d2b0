/**
 * The seat choice page: shows the map and keeps its form in step with what is chosen there.
 * @module
 */
import { mountSeatMap, SelectionStore } from "./seat-map.js";

const element = document.getElementById("map");
const { event, digest, currency, prices, placesMax } = element.dataset;
const store = new SelectionStore({ placesMax: Number(placesMax) });
const base = `/api/v1/events/${event}`;

try {
  document.getElementById("map-section").hidden = false;
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
  const button = document.getElementById("map-hold");
  const show = () => {
    const seats = store.seats();
    fields.replaceChildren(...seats.map((seat) => {
      const field = document.createElement("input");
      Object.assign(field, { type: "hidden", name: "seat", value: seat });
      return field;
    }));
    button.disabled = seats.length === 0;
    chosen.textContent = seats.length === 0
      ? "No seat chosen on the map yet."
      : `${seats.length} chosen: ${seats.map((seat) => { const at = map.describe(seat); return `${at.section} ${at.row}-${at.label ?? at.seat}`; }).join(", ")}`;
  };
  store.subscribe(show);
  show();
} catch (error) {
  // The list below does all that the map does.
  document.getElementById("map-section").hidden = true;
  console.error(error);
}
