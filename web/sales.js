// Live sales by hour or day, told apart by channel, store, country or product.

import { Poll } from "./ask.js";
import { channelColour, channelName } from "./channels.js";
import { byId, fill, make, show, write } from "./dom.js";
import { clock, day, decimal, minuteOfDay, money, plural, tenThousandths } from "./format.js";

const ASK_MS = 5_000;
const NAMES = 7;
const AGE = 2;
const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;
const GRAINS = {
  hour: { last: 24, words: "the last 24 hours" },
  day: { last: 14, words: "the last 14 days" },
};
const OTHERS = "";
const regions = new Intl.DisplayNames(undefined, { type: "region", fallback: "code" });

/** The panel of live sales: asks by itself for what is chosen in it. */
export class SalesPanel {
  #view = null;
  #report = null;

  constructor(chart) {
    this.chart = chart;
    this.poll = new Poll({
      path: () => `api/v1/live/sales?by=${this.by}&grain=${this.grain}&last=${GRAINS[this.grain].last}&top=${NAMES}&max_age=${AGE}`,
      every: ASK_MS,
      onAnswer: (report) => {
        this.#report = report;
        this.#draw();
      },
      onFailure: (reason) => write(byId("sales-sub"), `Not available: ${reason}`),
    });
    for (const id of ["sales-by", "sales-grain"]) byId(id).addEventListener("change", () => this.poll.again(true));
  }

  get by() {
    return document.querySelector("input[name=sales-by]:checked").value;
  }

  get grain() {
    return document.querySelector("input[name=sales-grain]:checked").value;
  }

  /** The newest view: what has come, and the day and currency that it is in. */
  notice(view) {
    this.#view = view;
    this.poll.notice(view.commit);
  }

  #draw() {
    const { by, grain, timezone, as_of: asOf } = this.#report;
    const { currency } = this.#view;
    const slots = stretches(this.#report, this.#view);
    const names = ranked(this.#report, slots, currency);
    const revenue = names.reduce((sum, { units }) => sum + units, 0n);
    const orders = names.reduce((sum, entry) => sum + entry.orders, 0);
    // A product's orders are those that hold it: their sum would count an order several times.
    const sold = by === "product" ? "" : ` in ${plural(orders, "order")}`;
    write(byId("sales-title"), grain === "hour" ? "Sales by hour" : "Sales by day");
    const total = `${money(decimal(revenue), currency)}${sold}`;
    const until = asOf ? ` · as of ${clock(asOf, timezone)}` : "";
    write(byId("sales-sub"), names.length > 0 ? total + until : `By ${by}, ${GRAINS[grain].words}`);
    const labels = slots.map((start) => (grain === "hour" ? minuteOfDay(start, timezone) : shortDay(start)));
    const shown = names.map((entry, place) => ({ ...entry, colour: colour(by, entry.name, place) }));
    this.chart.update({ labels, names: shown, currency, label: `Sales by ${grain} and ${by}, ${GRAINS[grain].words}: ${total}` });
    fill(byId("sales-names"), shown, nameRow, (row, { name, label, units, colour: number }) => {
      const [swatch, text, amount] = row.children;
      if (swatch.dataset.colour !== String(number)) swatch.dataset.colour = String(number);
      row.dataset.name = name;
      row.dataset.value = decimal(units);
      write(text, label);
      write(amount, money(decimal(units), currency));
    });
    show(byId("sales-names"), shown.length > 0);
  }
}

function nameRow() {
  return make("li", "", make("span", "swatch"), make("span", "name"), make("strong"));
}

const shortDay = (start) => day(start, { day: "numeric", month: "short" });

// All stretches that were asked for, quiet ones included, as the API writes their beginnings.
function stretches({ grain, lines, others = [] }, view) {
  const { last } = GRAINS[grain];
  if (grain === "day") {
    const today = Date.parse(`${view.business_day}T00:00:00Z`);
    return Array.from({ length: last }, (_, index) => new Date(today - (last - 1 - index) * DAY_MS).toISOString().slice(0, 10));
  }
  // The hours of a zone may begin at its half hours: they follow those that are known.
  const known = Math.max(...[...lines, ...others].map(({ start }) => Date.parse(start)), -Infinity);
  const now = Date.parse(view.at);
  const anchor = known > -Infinity ? known : Math.floor(now / HOUR_MS) * HOUR_MS;
  const running = anchor + Math.floor(Math.max(0, now - anchor) / HOUR_MS) * HOUR_MS;
  return Array.from({ length: last }, (_, index) =>
    new Date(running - (last - 1 - index) * HOUR_MS).toISOString().replace(".000Z", "Z"));
}

// What each name sold in all stretches together and in each, best first, the rest last.
function ranked({ by, lines, others = [] }, slots, currency) {
  const places = new Map(slots.map((start, index) => [start, index]));
  const names = new Map();
  const add = (line, name) => {
    const place = places.get(line.start);
    if (line.currency !== currency || place === undefined) return;
    const entry = names.get(name) ?? { name, label: label(by, name), units: 0n, orders: 0, values: slots.map(() => 0) };
    entry.units += tenThousandths(line.revenue);
    entry.orders += line.orders;
    entry.values[place] += Number(line.revenue);
    names.set(name, entry);
  };
  for (const line of lines) add(line, line.name);
  const best = [...names.values()].filter(({ units }) => units > 0n)
    .sort((a, b) => (a.units === b.units ? (a.name < b.name ? -1 : 1) : a.units < b.units ? 1 : -1));
  for (const line of others) add(line, OTHERS);
  const rest = names.get(OTHERS);
  return rest && rest.units > 0n ? [...best.filter((entry) => entry !== rest), rest] : best;
}

function label(by, name) {
  if (name === OTHERS) return "All others";
  if (by === "channel") return channelName(name);
  if (name === "unknown") return "Not said";
  if (by !== "country" || !/^[A-Z]{2}$/.test(name)) return name;
  return regions.of(name);
}

const colour = (by, name, place) =>
  name === OTHERS || name === "unknown" ? 0 : by === "channel" ? channelColour(name) : place + 1;
