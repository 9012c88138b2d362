// Sessions that are over, the pages they begin and end with, and what runs low in the warehouses.

import { channelColour, channelName } from "./channels.js";
import { byId, fill, make, setBar, show, write } from "./dom.js";
import { ago, count, day, duration, money, percent } from "./format.js";

const PAGES = 8;
const ALERTS = 8;

/** How many sessions are over on the business day, and how they ended; revenue is in the shop's currency. */
export function drawSessions(report, businessDay, currency) {
  const channels = report.channels.filter((entry) => entry.day === businessDay);
  const sum = (member) => channels.reduce((total, entry) => total + entry[member], 0);
  const [sessions, withCart, abandoned] = [sum("sessions"), sum("with_cart"), sum("abandoned")];
  stat("sessions", sessions, count(sessions));
  stat("open", report.open, count(report.open));
  stat("converted", sum("converted"), percent(sum("converted"), sessions));
  stat("length", sessions > 0 ? sum("seconds") / sessions : "", duration(sum("seconds") / sessions));
  stat("bounced", sum("bounced"), percent(sum("bounced"), sessions));
  stat("abandoned", abandoned, withCart > 0 ? `${count(abandoned)} of ${count(withCart)}` : count(abandoned));
  write(byId("sessions-sub"), "Begun today and over: 30 minutes without an event");
  show(byId("sessions-empty"), sessions === 0);
  const busiest = channels.toSorted((a, b) => b.sessions - a.sessions);
  fill(byId("session-channels"), busiest, channelRow, (row, entry) => {
    const [name, sessionCount, converted, revenue] = row.cells;
    const colour = String(channelColour(entry.channel));
    if (name.firstChild.dataset.colour !== colour) name.firstChild.dataset.colour = colour;
    write(name.lastChild, channelName(entry.channel));
    write(sessionCount, count(entry.sessions));
    write(converted, percent(entry.converted, entry.sessions));
    write(revenue, money(entry.revenue, currency));
  });
  show(byId("session-channels").parentElement, busiest.length > 0);
  drawPages(report);
}

function stat(name, raw, text) {
  const value = byId(`stat-${name}`);
  if (value.dataset.value !== String(raw)) value.dataset.value = String(raw);
  write(value, text);
}

function channelRow() {
  const name = make("th", "", make("span", "swatch"), make("span"));
  name.scope = "row";
  return make("tr", "", name, ...["num", "num", "num"].map((kind) => make("td", kind)));
}

function drawPages({ pages, pages_of: of }) {
  const shown = pages.slice(0, PAGES);
  const most = Math.max(...shown.map(({ entries }) => entries), 1);
  write(byId("pages-sub"), of ? `Where sessions that are over began and ended, ${day(of)}` : "Where sessions begin and end");
  fill(byId("pages"), shown, pageRow, (row, { page, entries, exits, conversions }) => {
    write(row.cells[0], page === "" ? "no page" : page);
    setBar(row.cells[1].firstChild.firstChild, entries / most);
    write(row.cells[2], count(entries));
    write(row.cells[3], count(exits));
    write(row.cells[4], percent(conversions, entries));
  });
  show(byId("pages").parentElement, shown.length > 0);
  show(byId("pages-empty"), shown.length === 0);
}

function pageRow() {
  const name = make("th", "product");
  name.scope = "row";
  const bar = make("td", "bar-cell wide", make("span", "track", make("span", "bar")));
  return make("tr", "", name, bar, make("td", "num"), make("td", "num"), make("td", "num"));
}

/** The shelves that run low or out, the emptiest first. */
export function drawStock({ alerts, count: all, low }, now) {
  const out = alerts.filter(({ state }) => state === "out").length;
  const shown = alerts.slice(0, ALERTS);
  const words = all > shown.length ? `The emptiest ${shown.length} of ${count(all)} shelves` : "Shelves";
  write(byId("stock-sub"), `${words} with fewer than ${count(low)} pieces`);
  write(byId("stock-count"), all > 0 ? count(all) : "");
  byId("stock-count").dataset.value = String(all);
  byId("stock-count").dataset.state = out > 0 ? "out" : "low";
  fill(byId("stock"), shown, shelfRow, (row, alert) => {
    write(row.cells[0].firstChild, alert.product_id);
    write(row.cells[0].lastChild, alert.warehouse_id);
    write(row.cells[1].firstChild, alert.state);
    row.dataset.state = alert.state;
    write(row.cells[2], count(alert.pieces));
    write(row.cells[3], ago(alert.since, now));
  });
  show(byId("stock").parentElement, shown.length > 0);
  show(byId("stock-empty"), shown.length === 0);
}

function shelfRow() {
  const name = make("th", "product", make("span"), make("small"));
  name.scope = "row";
  return make("tr", "", name, make("td", "", make("span", "pill")), make("td", "num"), make("td", "num"));
}
