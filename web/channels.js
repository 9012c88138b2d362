// A channel keeps its name and colour everywhere on the page.

const KNOWN = ["website", "shopee", "lazada", "tiki", "store"];
const COLOURS = 8;
const assigned = new Map(KNOWN.map((channel, index) => [channel, index + 1]));

/** A channel's name for people. */
export function channelName(channel) {
  if (!channel) return "No channel";
  return channel.charAt(0).toUpperCase() + channel.slice(1);
}

/**
 * The number of a channel's colour: `--channel-1` to `--channel-8`. The five known channels have their own; others take
 * the next free ones in order of appearance, and 0 is the grey of events without a channel, or when none is left.
 */
export function channelColour(channel) {
  if (!channel) return 0;
  if (!assigned.has(channel)) {
    if (assigned.size >= COLOURS) return 0;
    assigned.set(channel, assigned.size + 1);
  }
  return assigned.get(channel);
}
