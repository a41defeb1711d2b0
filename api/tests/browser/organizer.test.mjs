/**
 * An organizer from nothing to an event on sale, watching it sell.
 * @module
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { end, launch, leads, open } from "./support/browser.mjs";
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

test("an event is on sale four screens after registering, and its sales are seen live", async () => {
  const { page, expectNone } = await open(browser, house);
  await page.goto("/organizer/events/new");
  await page.getByRole("link", { name: "Register a new organizer" }).click();
  // 1: the account.
  await page.getByLabel("Organizer, as printed on tickets").fill("Konzertbüro Müller");
  await page.getByLabel("E-mail").fill("mueller@example.org");
  await page.getByLabel("Password").fill("a long enough one");
  await page.getByRole("button", { name: "Register" }).click();
  // 2: what there is.
  await page.getByRole("link", { name: "Create an event" }).click();
  // 3: the event.
  await page.getByLabel("Name", { exact: true }).fill("An Evening of Songs");
  await page.getByLabel("Venue and address").fill("Town Hall, Graz");
  await page.getByLabel("Begins").fill("2031-05-01T19:30");
  await leads(page, () => page.getByRole("button", { name: "Create the draft" }).click());
  // 4: prices, and on sale.
  const prices = page.locator("input[name^='price.']");
  for (let i = 0; i < (await prices.count()); i++) await prices.nth(i).fill("25,50");
  await page.getByRole("button", { name: "Set the prices" }).click();
  await page.getByText("The prices are set.").waitFor();
  await page.getByRole("button", { name: /^Publish/ }).click();
  await page.getByRole("button", { name: /^Open/ }).click();
  await page.getByText("On sale", { exact: true }).waitFor();

  const event = page.url().split("/").pop();
  await page.getByRole("link", { name: "Live sales" }).click();
  const held = page.locator(".figures div", { hasText: "Held" }).locator("dd");
  assert.equal(await held.innerText(), "0");
  await house.takes(event, [0, 1, 2]);
  await page.waitForFunction(() => {
    const figures = [...document.querySelectorAll(".figures div")];
    return figures.find((figure) => figure.querySelector("dt").textContent === "Held").querySelector("dd").textContent.trim() === "3";
  });
  await expectNone();
});
