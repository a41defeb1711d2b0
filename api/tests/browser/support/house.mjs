/**
 * A house of its own for each file of tests: `usher demo` over an empty folder on a free port.
 * @module
 */
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout } from "node:timers/promises";

const STOPS_WITHIN_MS = 20_000;
/** Between two looks at something that follows by itself. */
const POLL_MS = 50;

/** @typedef {{url: string, organizer: {email: string, password: string}, admin: {email: string, password: string}, api_key: string}} Said */

/** The program under test; there is no test without it. */
function program() {
  const path = process.env.USHER_BIN;
  if (!path || !existsSync(path)) throw new Error("USHER_BIN names no program: run ./test, or build usher and set it");
  return path;
}

export class House {
  /** @returns {Promise<House>} */
  static async start() {
    const house = new House();
    house.folder = await mkdtemp(join(tmpdir(), "usher-browser-"));
    house.child = spawn(program(), ["demo", "--json", "--listen", "127.0.0.1:0", "--data", house.folder], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    house.ended = new Promise((resolve) => house.child.once("exit", resolve));
    const lines = createInterface({ input: house.child.stdout })[Symbol.asyncIterator]();
    const first = await Promise.race([lines.next(), house.ended.then((code) => ({ value: undefined, code }))]);
    if (!first.value) throw new Error(`usher demo ended with ${first.code}`);
    /** @type {Said} */
    house.said = JSON.parse(first.value);
    house.url = house.said.url;
    return house;
  }

  async stop() {
    this.child.kill("SIGTERM");
    const late = globalThis.setTimeout(() => this.child.kill("SIGKILL"), STOPS_WITHIN_MS);
    const code = await this.ended;
    clearTimeout(late);
    await rm(this.folder, { recursive: true, force: true });
    if (code !== 0) throw new Error(`usher demo ended with ${code}`);
  }

  /** Calls the API. @returns {Promise<any>} */
  async api(method, path, { token, key, revision, body } = {}) {
    const headers = { "Content-Type": "application/json" };
    if (token) headers.Authorization = `Bearer ${token}`;
    if (key) headers["Idempotency-Key"] = key;
    if (revision) headers["If-Match"] = `"${revision}"`;
    const response = await fetch(this.url + path, { method, headers, body: body && JSON.stringify(body) });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return text ? JSON.parse(text) : null;
  }

  /** The event of the demo whose name contains that. */
  async event(name) {
    const { data } = await this.api("GET", "/api/v1/events");
    return data.find((event) => event.name.includes(name)).event;
  }

  /** Puts a small hall on sale with these limits; its id. */
  async eventOnSale(limits) {
    const token = this.said.api_key;
    const form = { name: "A Short Hold", venue: "Hall, Vienna", starts_at: "2031-06-01T18:00:00Z", time_zone: "Europe/Vienna", currency: "EUR", limits };
    const { event } = await this.api("POST", "/api/v1/organizer/events", { token, body: form });
    const base = `/api/v1/organizer/events/${event}`;
    const plan = await this.api("POST", `${base}/seating-plan/generate`, { token, body: { template: "hall", name: "Hall", seats_count: 60 } });
    const prices = plan.tiers.map((tier) => ({ tier, price_minor: 1000 }));
    await this.api("PUT", `${base}/prices`, { token, revision: plan.revision, body: { prices } });
    for (const step of ["publish", "open"]) await this.api("POST", `${base}/${step}`, { token });
    return event;
  }

  /** Waits until all places of an event are free again: the server's clock decides when time is up. */
  async allFree(event) {
    for (const began = Date.now(); Date.now() - began < STOPS_WITHIN_MS; ) {
      const { available_count: free, capacity_count: all } = await this.api("GET", `/api/v1/events/${event}`);
      if (free === all) return;
      await setTimeout(POLL_MS);
    }
    throw new Error("the places do not return");
  }

  /** Refunds an order as its organizer. */
  async refund(event, order) {
    const path = `/api/v1/organizer/events/${event}/orders/${order}/refunds`;
    return this.api("POST", path, { token: this.said.api_key, key: `refund-of-${order}`, body: {} });
  }

  /** Takes seats as another buyer. */
  async takes(event, seats) {
    const { token } = await this.api("POST", "/api/v1/buyers");
    const body = { asks: [{ kind: "seats", seats }] };
    return this.api("POST", `/api/v1/events/${event}/holds`, { token, key: `other-${seats.join("-")}-${Date.now()}`, body });
  }
}
