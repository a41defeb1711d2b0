/**
 * Buying with JavaScript switched off.
 * @module
 */
import { after, before, test } from "node:test";
import { end, fetchTickets, goOnToPay, launch, leads, open, pay, PHONE } from "./support/browser.mjs";
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

/** The order page reloads itself until the tickets are there. */
async function finish(page) {
  await goOnToPay(page);
  await pay(page);
  await fetchTickets(page);
}

test("the best places are bought without a script", async () => {
  const { page, expectNone } = await open(browser, house, { javaScriptEnabled: false, viewport: PHONE });
  await page.goto("/?q=arena");
  await page.getByRole("link", { name: /Northern Lights/ }).click();
  await page.getByRole("link", { name: "Choose places" }).click();
  await page.getByLabel("How many").fill("3");
  await page.getByLabel("Category").selectOption({ index: 2 });
  await page.getByRole("button", { name: "Hold the best" }).click();
  await finish(page);
  await expectNone();
});

test("seats are bought from section, row and seat without a script", async () => {
  const { page, expectNone } = await open(browser, house, { javaScriptEnabled: false });
  await page.goto(`/events/${await house.event("Northern")}/seats`);
  await page.getByRole("link", { name: "Block 203" }).click();
  const seats = page.getByRole("checkbox", { name: /^Seat / });
  await seats.nth(0).check();
  await seats.nth(1).check();
  await page.getByRole("button", { name: "Hold the chosen seats" }).last().click();
  await leads(page, () => page.getByRole("button", { name: "Keep my seats longer" }).click());
  await finish(page);
  await expectNone();
});

test("free standing places need no payment", async () => {
  const { page, expectNone } = await open(browser, house, { javaScriptEnabled: false });
  await page.goto(`/events/${await house.event("Rehearsal")}/seats`);
  await page.getByLabel(/free/).first().fill("2");
  await page.getByRole("button", { name: "Hold standing places" }).click();
  await page.getByLabel("Your name").fill("Ada Lovelace");
  await page.getByLabel("E-mail").fill("ada@example.org");
  await page.getByRole("button", { name: "Get the tickets" }).click();
  await fetchTickets(page);
  await expectNone();
});
