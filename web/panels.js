// The panels that a live view fills: cards, funnel, products, channels, books.

import { channelColour, channelName } from "./channels.js";
import { byId, byTestId, fill, make, setBar, show, write } from "./dom.js";
import { ago, count, decimal, duration, money, percent, plural, tenThousandths } from "./format.js";
import { total, trend } from "./hour.js";

const SVG = "http://www.w3.org/2000/svg";
const DASH = "–";
const ratio = (part, whole) => (whole > 0 ? part / whole : 0);

/** The six cards, each with its last 60 minutes as a line. */
export function drawCards(view, hour) {
  const { today, funnel, currency } = view;
  const converted = funnel.views > 0 ? funnel.purchases / funnel.views : "";
  const lastHour = (measure) => `${count(total(hour, measure))} last hour`;

  const earned = money(total(hour, "revenue"), currency);
  card("revenue", today.revenue, money(today.revenue, currency), `${earned} last hour`);
  card("orders", today.orders, count(today.orders), lastHour("orders"));
  card("aov", today.aov, money(today.aov, currency), `${plural(today.units, "unit")} sold`);
  card("conversion", converted, percent(funnel.purchases, funnel.views, 2), `of ${plural(funnel.views, "session")}`);
  card("clicks", today.clicks, count(today.clicks), lastHour("clicks"));
  card("carts", today.carts, count(today.carts), lastHour("carts"));

  sparkline("revenue", trend(hour, (slot) => Number(slot.revenue)));
  sparkline("orders", trend(hour, (slot) => slot.orders));
  sparkline("aov", trend(hour, (slot) => ratio(Number(slot.revenue), slot.orders)));
  sparkline("conversion", trend(hour, (slot) => ratio(slot.orders, slot.clicks)));
  sparkline("clicks", trend(hour, (slot) => slot.clicks));
  sparkline("carts", trend(hour, (slot) => slot.carts));

  const others = view.other_currencies ?? [];
  show(byId("other-currencies"), others.length > 0);
  const amounts = others.map((other) => `${money(other.revenue, other.currency)} (${plural(other.orders, "order")})`);
  write(byId("other-currencies"), `Also today, not converted and not in the numbers above: ${amounts.join(", ")}`);
}

function card(name, raw, text, note) {
  const value = byTestId(`kpi-${name}`);
  if (value.dataset.value !== String(raw)) value.dataset.value = String(raw);
  const characters = String(text.length);
  if (value.style.getPropertyValue("--characters") !== characters) value.style.setProperty("--characters", characters);
  write(value, text);
  write(byId(`note-${name}`), note);
}

function sparkline(name, values) {
  const svg = byId(`spark-${name}`);
  if (!svg.firstChild) {
    svg.setAttribute("viewBox", "0 0 100 30");
    svg.setAttribute("preserveAspectRatio", "none");
    for (const part of ["area", "line"]) {
      const path = document.createElementNS(SVG, "path");
      path.setAttribute("class", part);
      svg.append(path);
    }
  }
  const top = Math.max(...values);
  if (!(top > 0)) return [...svg.children].forEach((path) => setPath(path, ""));
  const points = values.map((value, index) => {
    const x = (index / (values.length - 1)) * 100;
    const y = 28 - (value / top) * 25;
    return `${x.toFixed(1)},${y.toFixed(1)}`;
  });
  setPath(svg.children[0], `M0,30 L${points.join(" L")} L100,30 Z`);
  setPath(svg.children[1], `M${points.join(" L")}`);
}

function setPath(path, data) {
  if (path.getAttribute("d") !== data) path.setAttribute("d", data);
}

/** The funnel: a shape whose height is the number of sessions, and the share that each step keeps. */
export function drawFunnel({ funnel }) {
  const { views, carts, purchases } = funnel;
  write(byId("funnel-views"), count(views));
  write(byId("funnel-carts"), count(carts));
  write(byId("funnel-purchases"), count(purchases));
  write(byId("step-cart"), views > 0 ? `${percent(carts, views)} continue` : DASH);
  write(byId("step-purchase"), carts > 0 ? `${percent(purchases, carts)} continue` : DASH);
  write(byId("funnel-through"), percent(purchases, views, 2));
  write(byId("funnel-abandoned"), percent(Math.max(0, carts - purchases), carts));

  const most = Math.max(views, carts, purchases);
  const halves = [views, carts, purchases].map((stage) => (most > 0 ? Math.max(0.8, (stage / most) * 48) : 0.8));
  const shape = byId("funnel-shape").children;
  halves.forEach((half, stage) => setPath(shape[stage], stagePath(stage * 100, half, halves[stage + 1] ?? half)));
}

function stagePath(left, half, next) {
  const [flat, bend, right] = [left + 50, left + 75, left + 100];
  const [high, low, nextHigh, nextLow] = [50 - half, 50 + half, 50 - next, 50 + next];
  return `M${left},${high} L${flat},${high} C${bend},${high} ${bend},${nextHigh} ${right},${nextHigh} ` +
    `L${right},${nextLow} C${bend},${nextLow} ${bend},${low} ${flat},${low} L${left},${low} Z`;
}

/** The products that sold best, with bars against the first. */
export function drawProducts(products, currency) {
  const best = Math.max(...products.map((product) => Number(product.revenue)), 0);
  fill(byId("products"), products, productRow, (row, product) => {
    write(row.cells[0], product.product_id);
    setBar(row.cells[1].firstChild.firstChild, ratio(Number(product.revenue), best));
    write(row.cells[2], money(product.revenue, currency));
    write(row.cells[3], count(product.units));
    write(row.cells[4], count(product.orders));
    write(row.cells[5], count(product.clicks));
  });
  show(byId("products-empty"), products.length === 0);
  show(byId("products").parentElement, products.length > 0);
}

function productRow() {
  const name = make("th", "product");
  name.scope = "row";
  const bar = make("td", "bar-cell", make("span", "track", make("span", "bar")));
  return make("tr", "", name, bar, ...["num", "num", "num wide", "num wide"].map((kind) => make("td", kind)));
}

/** Today by channel, largest first, with each one's share of the revenue. */
export function drawChannels({ channels = [], currency }) {
  const ranked = channels.toSorted((a, b) => {
    const [left, right] = [tenThousandths(a.revenue), tenThousandths(b.revenue)];
    return left === right ? b.clicks - a.clicks : left < right ? 1 : -1;
  });
  const revenue = Number(decimal(ranked.reduce((sum, channel) => sum + tenThousandths(channel.revenue), 0n)));
  fill(byId("split"), ranked, () => make("span"), (part, channel) => {
    const grow = ratio(Number(channel.revenue), revenue).toFixed(4);
    if (part.style.flexGrow !== grow) part.style.flexGrow = grow;
    paint(part, channel.channel);
  });
  fill(byId("channels"), ranked, channelRow, (row, channel) => {
    paint(row.cells[0].firstChild, channel.channel);
    write(row.cells[0].children[1], channelName(channel.channel));
    const each = channel.orders > 0 ? `${money(perOrder(channel), currency)} per order` : "no orders yet";
    write(row.cells[0].children[2], each);
    write(row.cells[1], money(channel.revenue, currency));
    write(row.cells[2], percent(Number(channel.revenue), revenue));
    write(row.cells[3], count(channel.orders));
    write(row.cells[4], count(channel.clicks));
  });
  show(byId("split"), revenue > 0);
  show(byId("channels-empty"), ranked.length === 0);
  show(byId("channels").parentElement, ranked.length > 0);
}

const perOrder = ({ revenue, orders }) => decimal(tenThousandths(revenue) / BigInt(orders));

function channelRow() {
  const name = make("th", "", make("span", "swatch"), make("span"), make("small"));
  name.scope = "row";
  return make("tr", "", name, ...["num", "num", "num", "num wide"].map((kind) => make("td", kind)));
}

function paint(element, channel) {
  const colour = String(channelColour(channel));
  if (element.dataset.colour !== colour) element.dataset.colour = colour;
}

/** The channels of the chart as buttons that hide and show them. */
export function drawLegend(channels, hidden, onToggle) {
  const create = () => {
    const button = make("button", "", make("span", "swatch"), make("span"));
    button.type = "button";
    button.addEventListener("click", () => onToggle(button.dataset.channel));
    return button;
  };
  fill(byId("legend"), channels, create, (button, channel) => {
    button.dataset.channel = channel;
    button.setAttribute("aria-pressed", String(!hidden.has(channel)));
    paint(button.firstChild, channel);
    write(button.lastChild, channelName(channel));
  });
}

/** The books: what was received is accepted or quarantined, and how far behind everything is. */
export function drawBooks({ at, totals, freshness = {} }) {
  for (const name of ["received", "accepted", "quarantined", "duplicates", "late", "conflicts"]) {
    write(byId(`books-${name}`), count(totals[name]));
  }
  write(byId("books-stream"), duration(finite(freshness.stream_lag_ms) / 1000));
  write(byId("books-lake"), duration(finite(freshness.lake_lag_seconds)));
  write(byId("books-bronze"), count(finite(freshness.bronze_rows)));
  write(byId("books-batch"), freshness.last_batch_at ? ago(freshness.last_batch_at, at) : "none yet");
  byId("books-conflicts").classList.toggle("warn", totals.conflicts > 0);

  const balanced = totals.received === totals.accepted + totals.quarantined;
  byId("equation").dataset.balanced = String(balanced);
  const mark = byId("books-mark");
  show(mark, true);
  mark.dataset.balanced = String(balanced);
  write(mark, balanced ? "Books balance" : "Books do not balance");
}

const finite = (value) => (typeof value === "number" ? value : NaN);
