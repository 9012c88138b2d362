// The live view: one stream of Server-Sent Events, followed for as long as the page is visible. The first message is the
// whole view, the others say what has changed.

import { apply } from "./diff.js";

const SILENCE_MS_MAX = 15_000;
const RETRY_MS_MIN = 1_000;
const RETRY_MS_MAX = 10_000;

/**
 * Follows the live stream. Calls `onView(view)` with each whole view and `onState("live" | "reconnecting")` when the
 * state changes. A stream that ends, is refused or falls silent is opened again, with growing pauses up to 10 s, and goes
 * on from the version that is here, if the server still knows it. A hidden page follows nothing; the first view after it
 * returns is the current one, so nothing is missed.
 */
export class LiveFeed {
  #stream = null;
  #retry = 0;
  #silence = 0;
  #failures = 0;
  #state = "connecting";
  #view = null;
  #version = "";

  constructor({ streamURL, snapshotURL, onView, onState }) {
    Object.assign(this, { streamURL, snapshotURL, onView, onState });
  }

  start() {
    document.addEventListener("visibilitychange", () => (document.hidden ? this.#close() : this.#open()));
    window.addEventListener("online", () => !document.hidden && this.#open());
    if (!document.hidden) this.#open();
  }

  #open() {
    this.#close();
    const since = this.#version ? `?since=${encodeURIComponent(this.#version)}` : "";
    const stream = new EventSource(this.streamURL + since);
    stream.addEventListener("open", () => this.#view && this.#become("live"));
    stream.addEventListener("live", (event) => this.#receive(event, (view) => view));
    stream.addEventListener("diff", (event) => this.#receive(event, (diff) => this.#changed(diff)));
    stream.addEventListener("error", () => this.#lose());
    this.#stream = stream;
    this.#listen();
  }

  #close() {
    this.#stream?.close();
    this.#stream = null;
    clearTimeout(this.#retry);
    clearTimeout(this.#silence);
  }

  #receive(event, read) {
    try {
      this.#view = read(JSON.parse(event.data));
      this.#version = event.lastEventId;
    } catch (error) {
      console.warn("Cartograph sent a live view that cannot be read; opening the stream again.", error);
      this.#version = "";
      return this.#lose();
    }
    this.#failures = 0;
    this.#listen();
    this.#become("live");
    this.onView(this.#view);
  }

  #changed({ base, changes }) {
    if (base !== this.#version) throw new Error(`changes to ${base}, where ${this.#version} is here`);
    return apply(this.#view, changes);
  }

  // EventSource retries a broken connection by itself but gives up for good on a refused one; one way for both.
  #lose() {
    this.#close();
    this.#become("reconnecting");
    const pause = Math.min(RETRY_MS_MAX, RETRY_MS_MIN * 2 ** this.#failures);
    this.#failures += 1;
    this.#retry = setTimeout(() => this.#open(), pause);
  }

  #listen() {
    clearTimeout(this.#silence);
    this.#silence = setTimeout(() => this.#probe(), SILENCE_MS_MAX);
  }

  // A half-open connection reports no error. Ask for one view aside: an answer proves the server, not the stream.
  async #probe() {
    const suspect = this.#stream;
    try {
      const response = await fetch(this.snapshotURL, { signal: AbortSignal.timeout(SILENCE_MS_MAX) });
      if (!response.ok) throw new Error(`${this.snapshotURL} answered ${response.status}`);
      const view = await response.json();
      if (this.#stream !== suspect) return;
      // Of which version this is, nobody said: the stream begins with the whole view.
      [this.#view, this.#version] = [view, ""];
      this.onView(view);
      this.#open();
    } catch (error) {
      if (this.#stream !== suspect) return;
      console.warn("The live stream fell silent.", error);
      this.#lose();
    }
  }

  #become(state) {
    if (state === this.#state) return;
    this.#state = state;
    this.onState(state);
  }
}
