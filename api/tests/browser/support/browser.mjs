/**
 * Headless Chromium, and pages that fail a test when anything on them goes wrong unseen.
 * @module
 */
import { existsSync } from "node:fs";
import assert from "node:assert/strict";
import { chromium } from "playwright-core";

const PROGRAMS = [process.env.CHROMIUM_BIN, "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
/** A browser that talks to nobody but the page's own server. */
const FLAGS = [
  "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-quic", "--no-first-run",
  "--disable-background-networking", "--disable-component-update", "--disable-sync",
];
/** How long anything may take that a person would wait for; the machine may be busy. */
export const WAIT_MS = 30_000;

export const PHONE = { width: 390, height: 844 };
export const DESKTOP = { width: 1280, height: 900 };

/** @returns {Promise<import("playwright-core").Browser>} */
export async function launch() {
  const executablePath = PROGRAMS.find((path) => path && existsSync(path));
  if (!executablePath) throw new Error("there is no Chromium: run ./test, or set CHROMIUM_BIN");
  return chromium.launch({ executablePath, args: FLAGS });
}

/** Ends the browser. A page that a failed test left open says what it showed. */
export async function end(browser) {
  for (const page of browser?.contexts().flatMap((context) => context.pages()) ?? []) {
    console.log(`left open: ${page.url()}\n${await page.locator("body").innerText({ timeout: 1_000 }).catch(String)}`);
  }
  await browser?.close();
}

/**
 * A page in a context of its own. `faults` gathers console errors, exceptions and refusals of the content policy;
 * `expect` takes
 * out the one that belongs to a refusal, `expectNone` ends the test with the others.
 */
export async function open(browser, house, options = {}) {
  const context = await browser.newContext({ viewport: DESKTOP, baseURL: house.url, ...options });
  context.setDefaultTimeout(WAIT_MS);
  const page = await context.newPage();
  const faults = [];
  page.on("pageerror", (error) => faults.push(`exception: ${error.message}`));
  page.on("console", (message) => {
    if (message.type() === "error") faults.push(`${message.location().url}: ${message.text()}`);
  });
  // The browser itself notes the status of a page that tells of a refusal.
  const expect = (status) => {
    const [noted] = faults.splice(0, 1);
    assert.match(noted ?? "", new RegExp(`status of ${status} `));
  };
  const expectNone = async () => {
    assert.deepEqual(faults, [], "the pages complained");
    await context.close();
  };
  return { page, context, faults, expect, expectNone };
}

/** Does what leads to another page, or to this one anew, and waits until it is there: a click alone does not wait. */
export async function leads(page, act) {
  await page.waitForLoadState("load");
  await Promise.all([page.waitForEvent("load"), act()]);
}

/** Waits until the map is drawn and rests: two frames that look the same. */
export async function mapRests(page) {
  await page.locator(".seat-map__canvas").waitFor();
  await page.evaluate(() => delete globalThis.seenBefore);
  await page.waitForFunction(() => {
    const canvas = document.querySelector(".seat-map__canvas");
    const seen = canvas.toDataURL();
    const blank = Object.assign(document.createElement("canvas"), { width: canvas.width, height: canvas.height });
    blank.getContext("2d", { alpha: false });
    const rests = seen === globalThis.seenBefore && seen !== blank.toDataURL();
    globalThis.seenBefore = seen;
    return rests;
  }, undefined, { polling: 100 });
}

/** Fills in who buys and goes on to pay. */
export async function goOnToPay(page) {
  await page.getByLabel("Your name").fill("Ada Lovelace");
  await page.getByLabel("E-mail").fill("ada@example.org");
  await page.getByRole("button", { name: /Go on to pay/ }).click();
}

/** Pays with a test card and waits until all tickets can be had. */
export async function pay(page, number = "4242 4242 4242 4242") {
  await page.getByRole("button", { name: number }).click();
}

/** Waits for the tickets on the order page and fetches the whole order's document. */
export async function fetchTickets(page) {
  const link = page.getByRole("link", { name: "Download all tickets (PDF)" });
  await link.waitFor();
  const response = await page.request.get(await link.getAttribute("href"));
  assert.equal(response.status(), 200);
  const bytes = await response.body();
  assert.equal(bytes.subarray(0, 5).toString(), "%PDF-");
  return bytes;
}
