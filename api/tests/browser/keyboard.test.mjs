/**
 * Buying with the keyboard alone: Tab, Space, Enter and letters, from the list of events to the tickets.
 * @module
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { end, fetchTickets, launch, leads, open } from "./support/browser.mjs";
import { House } from "./support/house.mjs";

/** Presses of Tab after which what is looked for cannot be reached. */
const TABS_MAX = 200;

let house;
let browser;
before(async () => {
  [house, browser] = [await House.start(), await launch()];
});
after(async () => {
  await end(browser);
  await house?.stop();
});

/** Presses Enter on what leads to another page. */
const follow = (page) => leads(page, () => page.keyboard.press("Enter"));

/** Presses Tab until what has the focus is so named and can be seen. */
async function tabTo(page, name) {
  for (let presses = 0; presses < TABS_MAX; presses++) {
    await page.keyboard.press("Tab");
    const found = await page.evaluate(() => {
      const focused = document.activeElement;
      const label = focused.labels?.[0]?.innerText ?? focused.getAttribute("aria-label") ?? focused.innerText ?? "";
      const style = getComputedStyle(focused.closest("article") ?? focused);
      const own = getComputedStyle(focused);
      const ring = [style, own].some((shown) => shown.outlineStyle !== "none" && parseFloat(shown.outlineWidth) >= 2);
      return { label, ring };
    });
    if (!name.test(found.label)) continue;
    assert.ok(found.ring, `the focus on ${found.label} can be seen`);
    return;
  }
  assert.fail(`${name} cannot be reached by Tab`);
}

test("seats are bought from the list without a mouse", async () => {
  const { page, expectNone } = await open(browser, house);
  await page.goto("/");
  await tabTo(page, /Chamber Music/);
  await follow(page);
  await page.getByRole("heading", { level: 1, name: /Chamber Music/ }).waitFor();
  await tabTo(page, /^Choose places$/);
  await follow(page);
  await page.getByRole("heading", { name: "From the list" }).waitFor();
  await tabTo(page, /^Choose from a list$/);
  await page.keyboard.press("Enter");
  await tabTo(page, /Stalls|Parquet|Balcony|Circle|Section|Block|Hall/);
  await follow(page);
  await page.locator("input[name=seat]").first().waitFor();
  await tabTo(page, /^Seat /);
  await page.keyboard.press("Space");
  await tabTo(page, /^Seat /);
  await page.keyboard.press("Space");
  await tabTo(page, /^Hold the chosen seats$/);
  await follow(page);
  await page.getByRole("timer").waitFor();
  await tabTo(page, /^Keep my seats longer$/);
  await follow(page);
  await tabTo(page, /^Your name/);
  await page.keyboard.type("Ada Lovelace");
  await tabTo(page, /^E-mail/);
  await page.keyboard.type("ada@example.org");
  await follow(page);
  await page.getByRole("heading", { name: "Pay with a test card" }).waitFor();
  await tabTo(page, /4242 4242 4242 4242/);
  await follow(page);
  await fetchTickets(page);
  await tabTo(page, /Download all tickets/);
  await expectNone();
});

test("the map is worked by its buttons, and its canvas takes no focus", async () => {
  const { page, expectNone } = await open(browser, house);
  await page.goto(`/events/${await house.event("Northern")}/seats`);
  await page.locator(".seat-map__canvas").waitFor();
  await tabTo(page, /^Zoom in$/);
  await page.keyboard.press("Enter");
  await tabTo(page, /^Show the whole venue$/);
  await page.keyboard.press("Enter");
  assert.equal(await page.locator(".seat-map__canvas").getAttribute("aria-hidden"), "true");
  await expectNone();
});
