// Cartograph's live dashboard: follows the live view, draws it at the pace of the screen, and looks up the rest.

import { drawAnomalies } from "./anomalies.js";
import { Poll } from "./ask.js";
import { BestSellers } from "./bestsellers.js";
import { DailyChart, MinuteChart, SalesChart } from "./charts.js";
import { byId, show, write } from "./dom.js";
import { clock, day, rate } from "./format.js";
import { drawFraud } from "./fraud.js";
import { DailyHistory, drawAbout, drawQuarantine, wireRebuild } from "./history.js";
import { lastHour } from "./hour.js";
import { drawSessions, drawStock } from "./jobs.js";
import { LiveFeed } from "./live.js";
import { drawBooks, drawCards, drawChannels, drawFunnel, drawLegend } from "./panels.js";
import { SalesPanel } from "./sales.js";

const CHART_MS = 1_000;
const QUARANTINE_MS = 5_000;
const DAILY_MS = 5 * 60_000;
const CLOCK_MS = 1_000;
const JOBS_MS = 5_000;
const SLIDE_MS = 60_000;
const COPIED_MS = 2_000;

const minuteChart = new MinuteChart();
const history = new DailyHistory(new DailyChart());
const hiddenChannels = new Set();
const sales = new SalesPanel(new SalesChart());
const bestSellers = new BestSellers();
const sessions = new Poll({
  path: () => "api/v1/live/sessions?days=1&max_age=2",
  every: JOBS_MS,
  onAnswer: (report) => drawSessions(report, view.business_day, view.currency),
  onFailure: (reason) => write(byId("sessions-sub"), `Not available: ${reason}`),
});
const stock = new Poll({
  path: () => "api/v1/live/stock?limit=8&max_age=2",
  every: JOBS_MS,
  onAnswer: (report) => drawStock(report, present()),
  onFailure: (reason) => write(byId("stock-sub"), `Not available: ${reason}`),
});
let view = null;
let receivedAt = 0;
let frame = 0;
let hasDays = null; // not known yet

// Runs `work` at most once per `pause`, and always once more after the last call.
function paced(pause, work) {
  let last = -Infinity;
  let timer = 0;
  return () => {
    if (timer) return;
    timer = setTimeout(() => {
      timer = 0;
      last = performance.now();
      work();
    }, Math.max(0, last + pause - performance.now()));
  };
}

const drawMinutes = paced(CHART_MS, () => {
  const hour = lastHour({ ...view, at: present() });
  const measure = document.querySelector("input[name=metric]:checked").value;
  const channels = minuteChart.update(view, hour, measure, hiddenChannels);
  drawLegend(channels, hiddenChannels, toggleChannel);
  write(byId("minute-title"), `${measure.charAt(0).toUpperCase()}${measure.slice(1)} per minute`);
  write(byId("minute-sub"), `${hour.stale ? "The last 60 minutes with data" : "Last 60 minutes"}, by channel`);
});

const lookUpQuarantine = paced(QUARANTINE_MS, () => drawQuarantine(view.timezone));

const lookUpDaily = paced(CHART_MS, async () => {
  hasDays = await history.refresh(view.business_day, view.currency);
  schedule();
});

function toggleChannel(channel) {
  if (!hiddenChannels.delete(channel)) hiddenChannels.add(channel);
  drawMinutes();
}

function schedule() {
  if (!frame) frame = requestAnimationFrame(draw);
}

// The server's clock now: a view that has not changed is not sent again just to say how late it is.
const present = () => new Date(Date.parse(view.at) + performance.now() - receivedAt).toISOString();

function draw() {
  frame = 0;
  const isLive = byId("live").dataset.state === "live";
  const shown = isLive ? { ...view, at: present() } : view;
  drawView(shown, lastHour(shown));
}

function drawView(view, hour) {
  write(byId("business-day"), day(view.business_day));
  byId("clock").dateTime = view.at;
  write(byId("clock"), `${clock(view.at, view.timezone)} ${view.timezone}`);
  write(byId("rate"), rate(view.events_per_second));
  drawCards(view, hour);
  drawFunnel(view);
  bestSellers.draw();
  drawChannels(view);
  drawAnomalies(view);
  drawFraud(view);
  drawBooks(view);
  drawWelcome();
  drawMinutes();
}

// A shop without a single event yet: say how to send one instead of drawing empty panels.
function drawWelcome() {
  const quiet = view.totals.received === 0 && view.today.orders === 0 && view.today.clicks === 0;
  const empty = quiet && view.minutes.length === 0 && hasDays === false;
  if (empty && byId("welcome").hidden) writeSnippets();
  show(byId("welcome"), empty);
  show(byId("today-panels"), !empty);
}

function writeSnippets() {
  const event = {
    type: "purchase", event_id: `first-${Date.now()}`, user_id: "u-1", session_id: "s-1", ts: new Date().toISOString(),
    order_id: `o-${Date.now()}`, items: [{ product_id: "p-1", quantity: 2, unit_price: "9.95" }], total_amount: "19.90",
    currency: view.currency, channel: "website",
  };
  const curl = [
    `curl -X POST ${location.origin}/v1/events`, "-H 'Content-Type: application/json'", `-d '${JSON.stringify(event)}'`,
  ];
  write(byId("snippet-curl"), curl.join(" \\\n  "));
  write(byId("snippet-simulate"), `cartograph simulate --for 5m --rate 200 --to ${location.origin}`);
}

function receive(next) {
  if (!next?.today || !next.totals || !next.funnel) {
    return console.warn("A live view without today, totals or funnel was left aside.", next);
  }
  const previous = view;
  view = { ...next, minutes: next.minutes ?? [] };
  receivedAt = performance.now();
  schedule();
  for (const panel of [sales, bestSellers]) panel.notice(view);
  for (const poll of [sessions, stock]) poll.notice(view.commit);
  if (previous?.totals.quarantined !== view.totals.quarantined) lookUpQuarantine();
  if (previous?.freshness?.last_batch_at !== view.freshness?.last_batch_at || !previous) lookUpDaily();
}

function become(state) {
  byId("live").dataset.state = state;
  write(document.querySelector("[data-testid=live-state]"), state);
  const lost = state === "reconnecting";
  document.body.dataset.view = lost ? (view ? "stale" : "none") : "current";
  show(byId("unreachable"), lost && !view);
  show(byId("banner"), lost && view !== null);
  if (lost && view) {
    const since = `${clock(view.at, view.timezone)} ${view.timezone}`;
    write(byId("banner"), `The connection is lost, trying again. The numbers below are from ${since}.`);
  }
  if (state === "live") drawAbout();
}

function wireCopy() {
  for (const button of document.querySelectorAll("[data-copy]")) {
    button.addEventListener("click", async () => {
      const source = byId(button.dataset.copy);
      try {
        await navigator.clipboard.writeText(source.textContent);
        write(button, "Copied");
      } catch {
        // No clipboard here (plain HTTP, say): select the text, so that the usual keys copy it.
        getSelection().selectAllChildren(source);
        write(button, "Selected");
      }
      setTimeout(() => write(button, "Copy"), COPIED_MS);
    });
  }
}

byId("metric").addEventListener("change", () => view && drawMinutes());
wireRebuild(() => view && lookUpDaily());
wireCopy();
setInterval(() => view && !document.hidden && lookUpDaily(), DAILY_MS);
setInterval(() => view && !document.hidden && schedule(), CLOCK_MS);
// Windows slide and sessions end without an event.
setInterval(() => {
  if (!view || document.hidden) return;
  for (const poll of [sales.poll, bestSellers.poll, sessions, stock]) poll.again();
}, SLIDE_MS);
new LiveFeed({
  streamURL: "api/v1/live", snapshotURL: "api/v1/live/snapshot", onView: receive, onState: become,
}).start();
