// The charts, drawn by ECharts on canvas without animation: ten views a second leave no time to move.

import { channelColour, channelName } from "./channels.js";
import { byId, show, write } from "./dom.js";
import { count, day, minuteOfDay, money, plural, shortCount, shortMoney } from "./format.js";
import { byChannel, total } from "./hour.js";

const FONT = '"Inter", ui-sans-serif, system-ui, -apple-system, "Segoe UI", Roboto, sans-serif';
const dark = window.matchMedia("(prefers-color-scheme: dark)");

function ink() {
  const style = getComputedStyle(document.documentElement);
  const read = (name) => style.getPropertyValue(name).trim();
  return {
    text: read("--text"), muted: read("--muted"), line: read("--line"), panel: read("--raised"),
    accent: read("--accent"),
    channels: Array.from({ length: 9 }, (_, index) => read(`--channel-${index}`)),
  };
}

/** A chart that fits its element, follows light and dark, and tells why when it has nothing to draw. */
class Chart {
  constructor(name) {
    this.element = byId(`${name}-chart`);
    this.note = byId(`${name}-empty`);
    this.redraw = null;
    this.chart = null;
    if (!window.echarts) return;
    this.chart = window.echarts.init(this.element, null, { renderer: "canvas" });
    new ResizeObserver(() => this.chart.resize()).observe(this.element);
    dark.addEventListener("change", () => this.redraw?.());
  }

  // An empty message means there is something to draw.
  draw(message, label, option) {
    const reason = this.chart ? message : "Charts need web/vendor/echarts.min.js: run scripts/bootstrap";
    show(this.note, reason !== "");
    write(this.note, reason);
    if (this.element.getAttribute("aria-label") !== label) this.element.setAttribute("aria-label", label);
    if (!this.chart) return;
    if (reason !== "") {
      this.redraw = null;
      this.chart.clear();
      return;
    }
    this.redraw = () => this.chart.setOption(option(ink()), { replaceMerge: ["series"], lazyUpdate: true });
    this.redraw();
  }
}

/** One measure per minute over the last hour, stacked by channel. */
export class MinuteChart extends Chart {
  constructor() {
    super("minute");
  }

  /** Draws `measure` (revenue, orders, carts, clicks) without the `hidden` channels; returns the channels there are. */
  update(view, hour, measure, hidden) {
    const { currency, timezone } = view;
    const channels = byChannel(hour, measure);
    const shown = channels.filter((entry) => !hidden.has(entry.channel));
    const isMoney = measure === "revenue";
    const exact = (value) => (isMoney ? money(value.toFixed(4), currency) : count(value));
    const whole = isMoney ? money(total(hour, measure), currency) : count(total(hour, measure));
    const sums = hour.slots.map((_, index) => shown.reduce((sum, entry) => sum + entry.values[index], 0));
    const tops = hour.slots.map((_, index) => shown.findLastIndex((entry) => entry.values[index] > 0));
    const label = `${measure} per minute by channel over the last 60 minutes, ${whole} in all`;
    const silence = hour.empty ? "No events in the last hour" : "";
    this.draw(silence, label, (colours) => ({
      ...frame(colours),
      xAxis: {
        ...axisX(colours),
        data: hour.slots.map((slot) => minuteOfDay(slot.time, timezone)),
        axisLabel: {
          color: colours.muted, fontSize: 11, hideOverlap: true, interval: (index) => (index + 1) % 10 === 0,
        },
        axisPointer: {
          type: "shadow",
          label: { formatter: ({ value, seriesData }) => `${value}   ${exact(sums[seriesData[0]?.dataIndex] ?? 0)}` },
        },
      },
      yAxis: axisY(colours, isMoney ? (value) => shortMoney(value, currency) : shortCount, isMoney ? 0 : 1),
      series: shown.map((entry, layer) => ({
        id: entry.channel || "unnamed", name: channelName(entry.channel), type: "bar", stack: "minute",
        barCategoryGap: "28%", color: colours.channels[channelColour(entry.channel)], emphasis: { disabled: true },
        tooltip: { valueFormatter: exact },
        data: entry.values.map((value, index) => ({
          value,
          itemStyle: {
            borderRadius: tops[index] === layer ? [2, 2, 0, 0] : 0,
            opacity: hour.running && index === entry.values.length - 1 ? 0.45 : 1,
          },
        })),
      })),
    }));
    return channels.map((entry) => entry.channel);
  }
}

/** Sales of each hour or day, stacked by what they are told apart by. */
export class SalesChart extends Chart {
  constructor() {
    super("sales");
  }

  /** Draws `names`, each with its label, the number of its colour and its values, over the stretches' labels. */
  update({ labels, names, currency, label }) {
    const sums = labels.map((_, index) => names.reduce((sum, { values }) => sum + values[index], 0));
    const tops = labels.map((_, index) => names.findLastIndex(({ values }) => values[index] > 0));
    const exact = (value) => money(value.toFixed(4), currency);
    this.draw(names.length === 0 ? "Nothing has sold yet" : "", label, (colours) => ({
      ...frame(colours),
      xAxis: {
        ...axisX(colours), data: labels,
        axisLabel: { color: colours.muted, fontSize: 11, hideOverlap: true },
        axisPointer: {
          type: "shadow",
          label: { formatter: ({ value, seriesData }) => `${value}   ${exact(sums[seriesData[0]?.dataIndex] ?? 0)}` },
        },
      },
      yAxis: axisY(colours, (value) => shortMoney(value, currency), 0),
      series: names.map((entry, layer) => ({
        id: entry.name || "others", name: entry.label, type: "bar", stack: "sales", barCategoryGap: "28%",
        barMaxWidth: 36, color: colours.channels[entry.colour], emphasis: { disabled: true },
        tooltip: { valueFormatter: exact },
        data: entry.values.map((value, index) => ({
          value, itemStyle: { borderRadius: tops[index] === layer ? [2, 2, 0, 0] : 0 },
        })),
      })),
    }));
  }
}

/** Revenue or orders per business day, from the gold tables. */
export class DailyChart extends Chart {
  constructor() {
    super("daily");
  }

  /** Draws `measure` (revenue, orders) of the days in order; `message` says why there are none. */
  update(days, currency, measure, message) {
    const isMoney = measure === "revenue";
    const label = days.length === 0 ? "No daily history yet"
      : `${measure} per day, ${day(days[0].business_day)} to ${day(days.at(-1).business_day)}`;
    const detail = ({ business_day, revenue, orders, aov }) =>
      `${day(business_day)}\n${money(revenue, currency)}\n${plural(orders, "order")}, ${money(aov, currency)} each`;
    this.draw(days.length === 0 ? message : "", label, (colours) => ({
      ...frame(colours),
      xAxis: {
        ...axisX(colours),
        data: days.map((entry) => entry.business_day),
        axisLabel: {
          color: colours.muted, fontSize: 11, hideOverlap: true, margin: 10,
          formatter: (text) => day(text, { day: "numeric", month: "short" }),
        },
      },
      yAxis: axisY(colours, isMoney ? (value) => shortMoney(value, currency) : shortCount, isMoney ? 0 : 1),
      tooltip: { ...frame(colours).tooltip, formatter: ([{ dataIndex }]) => detail(days[dataIndex]) },
      series: [{
        id: "day", name: "Day", type: "bar", color: colours.accent, barCategoryGap: "28%", barMaxWidth: 28,
        itemStyle: { borderRadius: [2, 2, 0, 0] }, emphasis: { disabled: true },
        data: days.map((entry) => Number(entry[measure])),
      }],
    }));
  }
}

function frame(colours) {
  return {
    animation: false,
    textStyle: { fontFamily: FONT },
    grid: { left: 4, right: 4, top: 14, bottom: 2, outerBoundsMode: "same", outerBoundsContain: "axisLabel" },
    tooltip: {
      trigger: "axis", renderMode: "richText", order: "seriesDesc", confine: true, transitionDuration: 0,
      backgroundColor: colours.panel, borderColor: colours.line, borderWidth: 1, padding: [10, 12],
      textStyle: { color: colours.text, fontSize: 12, fontFamily: FONT },
      shadowBlur: 16, shadowColor: "rgba(0,0,0,0.12)", shadowOffsetY: 4,
      axisPointer: { type: "shadow", shadowStyle: { color: colours.muted, opacity: 0.1 } },
    },
  };
}

function axisX(colours) {
  return { type: "category", axisTick: { show: false }, axisLine: { lineStyle: { color: colours.line } } };
}

function axisY(colours, formatter, minInterval) {
  return {
    type: "value", minInterval, splitNumber: 4, axisLabel: { color: colours.muted, fontSize: 11, formatter },
    splitLine: { lineStyle: { color: colours.line, type: [3, 4] } },
  };
}
