/**
 * Buying with a mouse: on the map, with what may get in the way.
 * @module
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { end, fetchTickets, goOnToPay, launch, leads, mapRests, open, pay } from "./support/browser.mjs";
import { House } from "./support/house.mjs";

let house;
let browser;
before(async () => {
  [house, browser] = [await House.start(), await launch()];
});
after(async () => {
  await end(browser);
  await house?.stop();
});

/** Comes near to a section by clicking it, then to its seats. The map's own drawing says where things are. */
async function chooseOnMap(page, count) {
  const canvas = page.locator(".seat-map__canvas");
  await canvas.scrollIntoViewIfNeeded();
  const box = await canvas.boundingBox();
  const buttons = page.getByRole("group", { name: "Seat map" });
  // A little left of the middle of the upper half: seats, not the standing floor, in every venue of the demo.
  await page.mouse.click(box.x + box.width * 0.36, box.y + box.height * 0.5);
  await mapRests(page);
  for (let i = 0; i < 4; i++) {
    await buttons.getByRole("button", { name: "Zoom in" }).click();
    await mapRests(page);
  }
  const chosen = page.locator("#map-chosen li");
  // Seats stand in rows with gaps: try points on a grid around the middle until enough are chosen.
  for (let step = 0; step < 200 && (await chosen.count()) < count; step++) {
    const [x, y] = [0.3 + 0.4 * ((step * 7) % 20) / 20, 0.3 + 0.4 * ((step * 3) % 10) / 10];
    const before = await chosen.count();
    await page.mouse.click(box.x + box.width * x, box.y + box.height * y);
    if ((await chosen.count()) < before) await page.mouse.click(box.x + box.width * x, box.y + box.height * y);
  }
  assert.equal(await chosen.count(), count, "seats could be chosen on the map");
}

test("two seats of the arena are bought on the map and their tickets downloaded", async () => {
  const { page, expectNone } = await open(browser, house);
  await page.goto("/");
  await page.getByRole("link", { name: /Northern Lights/ }).click();
  await page.getByRole("link", { name: "Choose places" }).click();
  await page.locator(".seat-map__canvas").waitFor();
  await chooseOnMap(page, 2);
  await page.getByRole("button", { name: "Hold the chosen seats" }).first().click();
  await page.getByRole("timer").waitFor();
  assert.match(await page.getByRole("timer").innerText(), /^[78]:\d\d left$/);
  await goOnToPay(page);
  await pay(page);
  await page.getByRole("heading", { name: "Thank you: the places are yours" }).waitFor();
  const pdf = await fetchTickets(page);
  assert.ok(pdf.length > 5_000);
  await page.goto("/me/orders");
  await page.getByRole("link", { name: /Northern Lights/ }).waitFor();
  await expectNone();
});

test("a seat that somebody else takes is shown as lost at once and never dropped silently", async () => {
  const event = await house.eventOnSale();
  const { page, expectNone } = await open(browser, house);
  await page.goto(`/events/${event}/seats`);
  await page.locator(".seat-map__canvas").waitFor();
  await chooseOnMap(page, 1);
  const seat = Number(await page.locator("#map-seats input").getAttribute("value"));
  await house.takes(event, [seat]);
  const lost = page.locator(".seat-map__lost li");
  await lost.waitFor();
  assert.match(await lost.innerText(), /taken by someone else|has just been taken/);
  assert.equal(await page.locator("#map-seats input").count(), 0, "a lost seat is not asked for");
  await lost.getByRole("button", { name: /instead/ }).click();
  await page.waitForFunction(() => document.querySelectorAll("#map-seats input").length === 1);
  await expectNone();
});

test("time that runs out is told, more can be had, and free places are held again after it", async () => {
  const event = await house.eventOnSale({
    places_per_order_max: 4, places_per_buyer_max: 4, holds_per_buyer_max: 2, hold_ms: 5_000, hold_total_max_ms: 12_000,
  });
  const { page, expectNone } = await open(browser, house);
  await page.goto(`/events/${event}/seats`);
  await page.getByRole("button", { name: "Hold the best" }).click();
  await leads(page, () => page.getByRole("button", { name: "Keep my seats longer" }).click());
  await page.getByText("Time is up").waitFor();
  await page.getByText("if nobody has taken them, they are yours again").waitFor();
  await house.allFree(event);
  await goOnToPay(page);
  await page.getByRole("heading", { name: "Pay with a test card" }).waitFor();
  await expectNone();
});

test("places that went to others while time ran out are named", async () => {
  const event = await house.eventOnSale({
    places_per_order_max: 4, places_per_buyer_max: 4, holds_per_buyer_max: 2, hold_ms: 2_000, hold_total_max_ms: 2_000,
  });
  const { page, faults, context } = await open(browser, house);
  await page.goto(`/events/${event}/seats`);
  await page.getByRole("button", { name: "Hold the best" }).click();
  await page.getByText("Time is up").waitFor();
  await house.allFree(event);
  const seats = await page.locator("input[name=seat]").evaluateAll((fields) => fields.map((field) => Number(field.value)));
  assert.equal(seats.length, 2);
  await house.takes(event, seats);
  await goOnToPay(page);
  await page.getByText(/Taken by somebody else: .*row .*seat/).waitFor();
  // The browser itself notes the 409 that carries this page.
  assert.ok(faults.every((fault) => fault.includes("409")), faults.join("\n"));
  await context.close();
});

test("a declined card is told in words and another one pays", async () => {
  const { page, expectNone } = await open(browser, house);
  await page.goto(`/events/${await house.event("Chamber")}/seats`);
  await page.getByRole("button", { name: "Hold the best" }).click();
  await goOnToPay(page);
  await page.getByRole("button", { name: "4000 0000 0000 0002" }).click();
  await page.getByText("The payment failed.").waitFor();
  await page.getByRole("link", { name: "Back without paying" }).click();
  await page.getByText("The last try to pay failed").first().waitFor();
  await page.getByRole("link", { name: /^Pay / }).click();
  await pay(page);
  await fetchTickets(page);
  await expectNone();
});

test("the bank may ask, and its yes pays", async () => {
  const { page, expectNone } = await open(browser, house);
  await page.goto(`/events/${await house.event("Chamber")}/seats`);
  await page.getByRole("button", { name: "Hold the best" }).click();
  await goOnToPay(page);
  await page.getByRole("button", { name: "4000 0027 6000 3184" }).click();
  await page.getByRole("button", { name: "Approve" }).click();
  await fetchTickets(page);
  await expectNone();
});

test("an order that waits counts down, is kept longer, and tells its changes without taking the focus away", async () => {
  const event = await house.eventOnSale({
    places_per_order_max: 4, places_per_buyer_max: 4, holds_per_buyer_max: 2, hold_ms: 60_000, hold_total_max_ms: 600_000,
  });
  const { page, context, expectNone } = await open(browser, house);
  await page.goto(`/events/${event}/seats`);
  await page.getByRole("button", { name: "Hold the best" }).click();
  await goOnToPay(page);
  await page.getByText("Your places are held until").waitFor();
  const paying = page.url();
  await page.getByRole("link", { name: "Back without paying" }).click();
  await page.getByRole("heading", { name: "Waiting for your payment" }).waitFor();
  const ends = () => page.locator("#countdown").getAttribute("data-expires");
  const before = await ends();
  assert.match(await page.getByRole("timer").innerText(), /^(1:00|0:\d\d) left$/);
  await page.getByRole("button", { name: "Keep my seats longer" }).click();
  await page.waitForFunction((end) => document.getElementById("countdown")?.dataset.expires > end, before);

  // A node that is put in anew is not listened to, so the one that speaks must outlive every renewal.
  await page.evaluate(() => { globalThis.speaker = document.getElementById("region-said"); });
  await page.locator("#pay").focus();
  const other = await context.newPage();
  await other.goto(paying);
  await other.getByRole("button", { name: "4000 0000 0000 0002" }).click();
  await other.getByText("The payment failed.").waitFor();
  await page.waitForFunction(() => globalThis.speaker.textContent.includes("The last try to pay failed"));
  assert.equal(await page.evaluate(() => document.activeElement.id), "pay", "the focus stays where it was");
  await pay(other);
  await page.waitForFunction(() => globalThis.speaker.isConnected && globalThis.speaker.textContent.includes("Your tickets are ready"));
  assert.equal(await page.evaluate(() => document.activeElement.id), "heading", "what it was on is gone");
  assert.equal(await page.getByRole("timer").count(), 0, "no time runs any more");
  await other.close();
  await expectNone();
});
