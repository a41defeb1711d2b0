/**
 * Keeps availability current: one picture at once, then a stream of changes; when the stream cannot be had, polling.
 *
 * The stream sends `resync` with a whole picture and `delta` with changes. The browser's EventSource reconnects by
 * itself and says what it has last seen; only a refusal (503, or no such stream) ends it, and then we ask every few
 * seconds and try the stream again later.
 * @module
 */

const POLL_MS = 5_000;
const STREAM_AGAIN_MS = 30_000;
/** Clients that lost the server together must not come back together. */
const JITTER = 0.4;

export class LiveAvailability {
  /**
   * @param {{availability: import("./seat-map-availability.js").Availability, availabilityUrl: string, liveUrl: ?string,
   *          onChange: (seats: number[]) => void, onStatus: (status: "live"|"polling"|"offline") => void}} options
   */
  constructor({ availability, availabilityUrl, liveUrl, onChange, onStatus }) {
    Object.assign(this, { availability, availabilityUrl, liveUrl, onChange, onStatus });
    this.stopped = new AbortController();
    this.timers = new Set();
    this.source = null;
  }

  async start() {
    await this.#fetch();
    this.#stream();
  }

  stop() {
    this.stopped.abort();
    this.source?.close();
    this.timers.forEach(clearTimeout);
  }

  #later(task, delay_ms) {
    const timer = setTimeout(() => {
      this.timers.delete(timer);
      if (!this.stopped.signal.aborted) task();
    }, delay_ms * (1 + JITTER * Math.random()));
    this.timers.add(timer);
  }

  async #fetch() {
    try {
      const response = await fetch(this.availabilityUrl, { signal: this.stopped.signal });
      if (!response.ok) throw new Error(`availability answered ${response.status}`);
      this.#take(() => this.availability.replace, await response.json());
      return true;
    } catch (error) {
      if (!this.stopped.signal.aborted) this.onStatus("offline");
      return false;
    }
  }

  #take(method, document) {
    this.onChange(method().call(this.availability, document));
  }

  #stream() {
    if (!this.liveUrl || this.stopped.signal.aborted) return this.#poll();
    const source = new EventSource(this.liveUrl);
    this.source = source;
    source.onopen = () => this.onStatus("live");
    source.addEventListener("resync", (event) => this.#take(() => this.availability.replace, JSON.parse(event.data)));
    source.addEventListener("delta", (event) => this.#take(() => this.availability.apply, JSON.parse(event.data)));
    source.onerror = () => {
      if (source.readyState !== EventSource.CLOSED) return this.onStatus("offline");
      this.source = null;
      this.#poll(Date.now() + STREAM_AGAIN_MS);
    };
  }

  async #poll(streamAgainAt = Infinity) {
    if (await this.#fetch()) this.onStatus("polling");
    this.#later(() => (Date.now() >= streamAgainAt ? this.#stream() : this.#poll(streamAgainAt)), POLL_MS);
  }
}
