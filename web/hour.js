// The last 60 minutes as an unbroken row of slots, and sums over it.

import { channelColour } from "./channels.js";
import { decimal, tenThousandths } from "./format.js";

const SLOTS = 60;
const MINUTE_MS = 60_000;
const NO_CHANNEL = "";
const QUIET = Object.freeze({ orders: 0, revenue: "0", clicks: 0, carts: 0, channels: Object.freeze({}) });

/**
 * Lays a view's minutes on 60 consecutive slots, quiet ones included. The row ends with the running minute; when the
 * newest data is more than an hour old (a replay, say) it ends with the data instead, and `stale` says so.
 */
export function lastHour(view) {
  const known = new Map((view.minutes ?? []).map((minute) => [Date.parse(minute.minute), minute]));
  const running = Math.floor(Date.parse(view.at) / MINUTE_MS) * MINUTE_MS;
  const newest = Math.max(...known.keys(), -Infinity);
  const stale = newest > -Infinity && newest <= running - SLOTS * MINUTE_MS;
  const end = stale || newest > running ? newest : running;
  const slots = Array.from({ length: SLOTS }, (_, index) => {
    const time = end - (SLOTS - 1 - index) * MINUTE_MS;
    return { ...QUIET, ...known.get(time), time };
  });
  return { slots, stale, empty: known.size === 0, running: end >= running };
}

/** The exact sum of one measure over the hour: a count, or decimal text for revenue. */
export function total(hour, measure) {
  if (measure === "revenue") return decimal(hour.slots.reduce((sum, slot) => sum + tenThousandths(slot.revenue), 0n));
  return hour.slots.reduce((sum, slot) => sum + slot[measure], 0);
}

/**
 * One measure per channel and minute: [{ channel, values }], in the order of the channels' colours. What a minute
 * counted beyond its channels (an event may name none) is a channel with an empty name: a stack is as high as the total.
 */
export function byChannel(hour, measure) {
  const names = new Set(hour.slots.flatMap((slot) => Object.keys(slot.channels ?? {})));
  const channels = [...names].sort((a, b) => channelColour(a) - channelColour(b)).map((channel) => ({
    channel,
    values: hour.slots.map((slot) => Number(slot.channels?.[channel]?.[measure] ?? 0)),
  }));
  const rest = hour.slots.map((slot) => remainder(slot, measure));
  if (rest.some((value) => value > 0)) {
    const unnamed = channels.find((entry) => entry.channel === NO_CHANNEL);
    if (unnamed) unnamed.values = unnamed.values.map((value, index) => value + rest[index]);
    else channels.push({ channel: NO_CHANNEL, values: rest });
  }
  return channels;
}

function remainder(slot, measure) {
  const parts = Object.values(slot.channels ?? {});
  if (measure !== "revenue") return Math.max(0, slot[measure] - parts.reduce((sum, part) => sum + part[measure], 0));
  const named = parts.reduce((sum, part) => sum + tenThousandths(part.revenue), 0n);
  const left = tenThousandths(slot.revenue) - named;
  return left > 0n ? Number(decimal(left)) : 0;
}

/** The complete minutes of a measure, for a sparkline: the running minute would always look like a fall. */
export function trend(hour, value) {
  return (hour.running ? hour.slots.slice(0, -1) : hour.slots).map(value);
}
