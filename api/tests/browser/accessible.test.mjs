/**
 * Every page, on a phone and on a desk: axe finds nothing, nothing is wider than the screen, nothing complains. With
 * SCREENSHOTS=folder a picture of each is kept there, to be looked at.
 * @module
 */
import assert from "node:assert/strict";
import { mkdir, readFile, rename } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { DESKTOP, end, fetchTickets, goOnToPay, launch, mapRests, open, pay, PHONE } from "./support/browser.mjs";
import { House } from "./support/house.mjs";

const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"];
const pictures = process.env.SCREENSHOTS;

let house;
let browser;
before(async () => {
  if (pictures) await mkdir(pictures, { recursive: true });
  [house, browser] = [await House.start(), await launch()];
});
after(async () => {
  await end(browser);
  await house?.stop();
});

/** What is wrong with the pages of one test: told together. */
const faults = [];

function expectNoFaults() {
  assert.deepEqual(faults.splice(0), []);
}

/** Looks at the page that is open. */
async function look(page, name, width) {
  await page.waitForLoadState("load");
  if (pictures) await page.screenshot({ path: join(pictures, `${name}-${width}.png`), fullPage: true });
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  if (wide > 0) faults.push(`${name} at ${width}: ${wide} px wider than the screen`);
  const viewport = await page.locator("meta[name=viewport]").getAttribute("content");
  if (/user-scalable=(0|no)|maximum-scale/.test(viewport)) faults.push(`${name} cannot be zoomed`);
  // Run by the debugger, not by the page: the page's own policy would refuse it.
  await page.evaluate(axe);
  const { violations } = await page.evaluate((rules) => globalThis.axe.run(document, { runOnly: rules }), RULES);
  for (const { id, help, nodes } of violations) {
    faults.push(`${name} at ${width}: ${id}: ${help}: ${nodes.map((node) => node.html).join(" ")}`);
  }
}

for (const viewport of [PHONE, DESKTOP]) {
  const { width } = viewport;

  test(`pages of buyers at ${width} px`, async () => {
    const { page, expectNone } = await open(browser, house, { viewport });
    const arena = await house.event("Northern");
    const visits = [["events", "/"], ["nothing-found", "/?q=no-such-event"], ["event", `/events/${arena}`], ["not-yet", `/events/${await house.event("Gala")}`],
      ["seats-club", `/events/${await house.event("Rehearsal")}/seats`], ["my-orders-none", "/me/orders"], ["problems", "/problems"], ["problem", "/problems/busy"], ["docs", "/docs"]];
    for (const [name, path] of visits) {
      await page.goto(path);
      await look(page, name, width);
    }
    await page.goto(`/events/${arena}/seats?section=101`);
    await mapRests(page);
    await look(page, "seats", width);
    await page.getByRole("button", { name: "Hold the best" }).click();
    await page.getByRole("timer").waitFor();
    await look(page, "checkout", width);
    await goOnToPay(page);
    await page.getByRole("heading", { name: "Pay with a test card" }).waitFor();
    await look(page, "pay", width);
    await page.getByRole("button", { name: "4000 0000 0000 0002" }).click();
    await page.getByText("The payment failed.").waitFor();
    await look(page, "pay-declined", width);
    await pay(page);
    await fetchTickets(page);
    await look(page, "order", width);
    await page.goto("/me/orders");
    await look(page, "my-orders", width);
    expectNoFaults();
    await expectNone();
  });

  test(`orders in all their states at ${width} px`, async () => {
    const { page, expectNone } = await open(browser, house, { viewport });
    const chamber = await house.event("Chamber");
    const order = async (event) => {
      await page.goto(`/events/${event}/seats`);
      await page.getByLabel("How many").fill("1");
      await page.getByRole("button", { name: "Hold the best" }).click();
      await goOnToPay(page);
      await page.getByRole("heading", { name: "Pay with a test card" }).waitFor();
    };
    await order(chamber);
    await page.getByRole("link", { name: "Back without paying" }).click();
    await page.getByRole("heading", { name: "Waiting for your payment" }).waitFor();
    await look(page, "order-waiting", width);
    await page.getByRole("button", { name: "Call this order off" }).click();
    await page.getByText("You called it off.").first().waitFor();
    await look(page, "order-cancelled", width);

    await order(chamber);
    await page.getByRole("button", { name: "4000 0027 6000 3184" }).click();
    await page.getByRole("button", { name: "Approve" }).waitFor();
    await look(page, "bank", width);
    // The printer finds no place for its work, so the tickets stay in preparation.
    const [tickets, away] = ["tickets", "tickets-away"].map((name) => join(house.folder, name));
    await rename(tickets, away);
    await page.getByRole("button", { name: "Approve" }).click();
    await page.getByText("Being prepared", { exact: true }).waitFor();
    await look(page, "order-being-prepared", width);
    await rename(away, tickets);
    await fetchTickets(page);
    await house.refund(chamber, new URL(page.url()).pathname.split("/").pop());
    await page.reload();
    await page.getByRole("heading", { name: "Refunded" }).waitFor();
    await look(page, "order-refunded", width);

    await order(await house.eventOnSale({
      places_per_order_max: 4, places_per_buyer_max: 4, holds_per_buyer_max: 2, hold_ms: 3_000, hold_total_max_ms: 3_000,
    }));
    await page.getByRole("link", { name: "Back without paying" }).click();
    await page.getByText("Time ran out before a payment came.").first().waitFor();
    await look(page, "order-lapsed", width);
    expectNoFaults();
    await expectNone();
  });

  test(`forms that were refused at ${width} px`, async () => {
    const { page, expect, expectNone } = await open(browser, house, { viewport });
    const arena = await house.event("Northern");
    await page.goto(`/events/${arena}/seats`);
    await page.getByRole("button", { name: "Hold standing places and chosen seats" }).click();
    await page.getByText("Nothing was asked for").waitFor();
    await mapRests(page);
    await look(page, "seats-refused", width);
    expect(422);
    await page.goto(`/events/${arena}/seats`);
    await page.getByRole("button", { name: "Hold the best" }).click();
    await page.getByLabel("Your name").fill("山田太郎");
    await page.getByLabel("E-mail").fill("taro@example.org");
    await page.getByRole("button", { name: /Go on to pay/ }).click();
    await page.getByText("U+5C71").waitFor();
    assert.equal(await page.evaluate(() => document.activeElement.name), "name", "the focus is on what is at fault");
    assert.equal(await page.getByLabel("E-mail").inputValue(), "taro@example.org");
    await look(page, "checkout-refused", width);
    expect(422);
    await page.goto("/organizer/events/new");
    await page.getByLabel("E-mail").fill(house.said.organizer.email);
    await page.getByLabel("Password").fill(house.said.organizer.password);
    await page.getByRole("button", { name: "Log in" }).click();
    await page.getByLabel("Name", { exact: true }).fill("山の音楽");
    await page.getByLabel("Venue and address").fill("Hall 🎸");
    await page.getByLabel("Begins").fill("2031-05-01T19:30");
    await page.getByLabel("Time zone").fill("Mars/Olympus");
    await page.getByRole("button", { name: "Create the draft" }).click();
    await page.getByText("3 things need another look").waitFor();
    await look(page, "new-event-refused", width);
    expect(422);
    expectNoFaults();
    await expectNone();
  });

  test(`pages of organizers at ${width} px`, async () => {
    const { page, expectNone } = await open(browser, house, { viewport });
    await page.goto("/organizer");
    await look(page, "login", width);
    await page.goto("/organizer/register");
    await look(page, "register", width);
    await page.goto("/organizer");
    await page.getByLabel("E-mail").fill(house.said.organizer.email);
    await page.getByLabel("Password").fill(house.said.organizer.password);
    await page.getByRole("button", { name: "Log in" }).click();
    await page.getByRole("heading", { name: /Events of/ }).waitFor();
    await look(page, "my-events", width);
    await page.goto("/organizer/events/new");
    await look(page, "new-event", width);
    const arena = await house.event("Northern");
    for (const [name, path] of [["control", ""], ["sales", "/sales"], ["event-orders", "/orders"]]) {
      await page.goto(`/organizer/events/${arena}${path}`);
      await look(page, name, width);
    }
    expectNoFaults();
    await expectNone();
  });

  test(`pages of administrators at ${width} px`, async () => {
    const { page, expectNone } = await open(browser, house, { viewport });
    await page.goto("/admin/jobs");
    await page.getByLabel("E-mail").fill(house.said.admin.email);
    await page.getByLabel("Password").fill(house.said.admin.password);
    await page.getByRole("button", { name: "Log in" }).click();
    await page.getByRole("heading", { name: "Failed jobs" }).waitFor();
    await look(page, "jobs", width);
    expectNoFaults();
    await expectNone();
  });
}
