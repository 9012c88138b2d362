// What is asked for now and then rather than streamed: daily history, rebuilding it, quarantine, the server itself.

import { ask } from "./ask.js";
import { byId, fill, make, setBar, show, write } from "./dom.js";
import { clock, count, day, duration, plural } from "./format.js";

const DAYS = 90;
const LATEST = 20;
const BATCH_MS_MAX = 15 * 60_000;
const RAW_SHOWN_MAX = 4_000;
const DAY_MS = 86_400_000;

/** Daily history from the gold tables: looked up now and then, drawn as revenue or orders. */
export class DailyHistory {
  #days = [];
  #currency = "";

  constructor(chart) {
    this.chart = chart;
    byId("daily-measure").addEventListener("change", () => this.#draw());
  }

  /** Looks the days up; `today` is the live business day. Returns whether there are any. */
  async refresh(today, currency) {
    try {
      const answer = await ask(`api/v1/sales/daily?days=${DAYS}`);
      this.#currency = answer.currency ?? currency;
      this.#days = (answer.days ?? []).toSorted((a, b) => (a.business_day < b.business_day ? -1 : 1)).slice(-DAYS);
      write(byId("daily-sub"), dailyNote(this.#days, today));
      this.#draw();
    } catch (error) {
      // The days drawn before stay; only a first attempt has nothing to keep.
      if (this.#days.length === 0) this.#draw(`History is not available: ${error.message}`);
    }
    return this.#days.length > 0;
  }

  #draw(message = "No days yet. A batch builds them from the lake: press “Rebuild now”.") {
    const measure = document.querySelector("input[name=daily-measure]:checked").value;
    write(byId("daily-title"), measure === "revenue" ? "Revenue per day" : "Orders per day");
    this.chart.update(this.#days, this.#currency, measure, message);
  }
}

function dailyNote(days, today) {
  if (days.length === 0) return "From the gold tables";
  const [first, last] = [days[0].business_day, days.at(-1).business_day];
  const behind = (Date.parse(today) - Date.parse(last)) / DAY_MS;
  const range = `${day(first)} to ${day(last)}`;
  if (!(behind > 2)) return `From the gold tables, ${range}`;
  return `No recent days: these are the last ${plural(days.length, "day")} with data, ${range}`;
}

/** Wires “Rebuild now”: runs a batch, says how it went, and calls `onRebuilt` after a good one. */
export function wireRebuild(onRebuilt) {
  const button = byId("rebuild");
  const result = byId("rebuild-result");
  button.addEventListener("click", async () => {
    button.disabled = true;
    result.classList.remove("warn");
    write(result, "Rebuilding…");
    const started = performance.now();
    try {
      const answer = await ask("api/v1/batch", { method: "POST", signal: AbortSignal.timeout(BATCH_MS_MAX) });
      if (answer?.ok === false) throw new Error(answer.error ?? answer.message ?? "the batch reported a failure");
      const seconds = Number.isFinite(answer?.seconds) ? answer.seconds : (performance.now() - started) / 1000;
      write(result, `Rebuilt in ${duration(seconds)}`);
      onRebuilt();
    } catch (error) {
      result.classList.add("warn");
      write(result, `Rebuild failed: ${error.message}`);
    } finally {
      button.disabled = false;
    }
  });
}

/** Quarantine by reason, and its latest events. Their bytes are a stranger's: text only, controls made visible. */
export async function drawQuarantine(timezone) {
  const list = byId("quarantine-rows");
  // Somebody is reading one of them: leave the list alone until it is closed.
  if (list.querySelector("details[open]")) return;
  let answer;
  try {
    answer = await ask(`api/v1/quarantine?limit=${LATEST}`);
  } catch (error) {
    return write(byId("quarantine-sub"), `Quarantine is not available: ${error.message}`);
  }
  const reasons = (answer.by_reason ?? []).toSorted((a, b) => b.count - a.count);
  const most = Math.max(...reasons.map((entry) => entry.count), 1);
  fill(byId("reasons"), reasons, reasonRow, (row, entry) => {
    write(row.children[0], entry.reason);
    write(row.children[1], count(entry.count));
    setBar(row.children[2].firstChild, entry.count / most);
  });
  fill(list, answer.latest ?? [], quarantineRow, (row, entry) => {
    const [summary, raw] = row.firstChild.children;
    summary.children[0].dateTime = entry.received_at;
    write(summary.children[0], clock(entry.received_at, timezone));
    write(summary.children[1], entry.reason);
    write(summary.children[2], entry.source ?? "");
    const text = visible(entry.raw ?? "");
    write(summary.children[3], text.slice(0, 200));
    write(raw, text);
  });
  show(byId("quarantine"), answer.total > 0);
  show(byId("quarantine-empty"), answer.total === 0);
  const some = `${plural(answer.total, "event")} that broke the contract, kept with the reason`;
  const none = "Events that break the contract are kept here with the reason";
  write(byId("quarantine-sub"), answer.total > 0 ? some : none);
}

function reasonRow() {
  return make("li", "", make("code"), make("span", "num"), make("span", "track", make("span", "bar")));
}

function quarantineRow() {
  const cells = [make("time"), make("code", "reason"), make("span", "source"), make("code", "raw")];
  const summary = make("summary", "", ...cells);
  return make("li", "", make("details", "", summary, make("pre")));
}

// Control characters and direction overrides could make a line read as something it is not.
const DECEPTIVE = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]/g;

function visible(text) {
  const shown = text.slice(0, RAW_SHOWN_MAX).replace(DECEPTIVE, "\ufffd");
  return text.length > RAW_SHOWN_MAX ? `${shown} … (${count(text.length)} characters)` : shown;
}

/** The footer: what runs here, and since when. */
export async function drawAbout() {
  try {
    const status = await ask("api/v1/status");
    const since = new Date(status.started_at);
    const started = Number.isNaN(since.getTime()) ? "" : `, up since ${since.toLocaleString()}`;
    write(byId("about"), `Cartograph ${status.version}${started}, data in ${status.data}`);
  } catch (error) {
    console.warn("The server's status is not available.", error);
  }
}
