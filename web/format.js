// How numbers, money and time read on this page. Money stays decimal text all the way: Intl formats the
// text itself, and sums are integers in ten-thousandths, so no cent passes through binary floating point.

const DASH = "–";
const formats = new Map();

function cached(key, build) {
  let format = formats.get(key);
  if (!format) formats.set(key, (format = build()));
  return format;
}

const isDecimal = (text) => typeof text === "string" && /^-?\d+(\.\d+)?$/.test(text);

/** A decimal string as an amount of `currency`, rounded to that currency's own digits. */
export function money(text, currency) {
  if (!isDecimal(text)) return DASH;
  const format = cached(`money ${currency}`, () => {
    const narrow = { style: "currency", currency, currencyDisplay: "narrowSymbol" };
    return /^[A-Z]{3}$/.test(currency) ? new Intl.NumberFormat(undefined, narrow) : new Intl.NumberFormat();
  });
  return format.format(text);
}

/** An amount short enough for an axis: $1.2K. */
export function shortMoney(value, currency) {
  const format = cached(`short ${currency}`, () => {
    const compact = { notation: "compact", maximumFractionDigits: 1 };
    const narrow = { ...compact, style: "currency", currency, currencyDisplay: "narrowSymbol" };
    return new Intl.NumberFormat(undefined, /^[A-Z]{3}$/.test(currency) ? narrow : compact);
  });
  return format.format(value);
}

/** A count with grouping. */
export function count(value) {
  if (!Number.isFinite(value)) return DASH;
  return cached("count", () => new Intl.NumberFormat(undefined, { maximumFractionDigits: 0 })).format(value);
}

/** A count short enough for an axis: 12K. */
export function shortCount(value) {
  const compact = { notation: "compact", maximumFractionDigits: 1 };
  return cached("short", () => new Intl.NumberFormat(undefined, compact)).format(value);
}

/** Events per second: a decimal while it is small. */
export function rate(value) {
  if (!Number.isFinite(value)) return DASH;
  if (value === 0 || value >= 100) return count(Math.round(value));
  return cached("rate", () => new Intl.NumberFormat(undefined, { maximumFractionDigits: 1 })).format(value);
}

/** `part` of `whole` as a percentage, a dash when there is no whole. */
export function percent(part, whole, digits = 1) {
  if (!(whole > 0)) return DASH;
  const fixed = { style: "percent", minimumFractionDigits: digits, maximumFractionDigits: digits };
  return cached(`percent ${digits}`, () => new Intl.NumberFormat(undefined, fixed)).format(part / whole);
}

/** “1 order”, “2 orders”. */
export function plural(value, noun) {
  return `${count(value)} ${noun}${value === 1 ? "" : "s"}`;
}

function zoned(name, instant, timeZone, options) {
  const date = new Date(instant ?? NaN);
  if (Number.isNaN(date.getTime())) return DASH;
  const format = cached(`${name} ${timeZone}`, () => {
    try {
      return new Intl.DateTimeFormat(undefined, { ...options, timeZone });
    } catch {
      // A zone this browser does not know: UTC is what every stamp is written in.
      return new Intl.DateTimeFormat(undefined, { ...options, timeZone: "UTC" });
    }
  });
  return format.format(date);
}

/** An instant as 04:00:12 in the shop's time zone. */
export function clock(instant, timeZone) {
  const options = { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" };
  return zoned("clock", instant, timeZone, options);
}

/** An instant as 04:00 in the shop's time zone. */
export function minuteOfDay(instant, timeZone) {
  return zoned("minute", instant, timeZone, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
}

/** A business day (2026-11-21) in words. A day is a date, so no time zone moves it. */
export function day(text, options = { weekday: "short", day: "numeric", month: "short", year: "numeric" }) {
  const instant = Date.parse(`${text}T00:00:00Z`);
  if (Number.isNaN(instant)) return DASH;
  const build = () => new Intl.DateTimeFormat(undefined, { ...options, timeZone: "UTC" });
  return cached(`day ${Object.keys(options)}`, build).format(instant);
}

/** Seconds as a length of time: 12 ms, 3.2 s, 4 min, 2 h, 3 days. */
export function duration(seconds) {
  if (!Number.isFinite(seconds)) return DASH;
  if (seconds < 1) return `${Math.round(Math.max(0, seconds) * 1000)} ms`;
  if (seconds < 60) return `${seconds.toFixed(seconds < 10 ? 1 : 0)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  if (seconds < 129_600) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86_400)} days`;
}

/** How long before `now` an instant was, in words. */
export function ago(instant, now) {
  const seconds = Math.floor((Date.parse(now) - Date.parse(instant)) / 1000);
  if (Number.isNaN(seconds)) return DASH;
  return seconds < 2 ? "just now" : `${duration(seconds < 10 ? Math.floor(seconds) : seconds).replace(".0", "")} ago`;
}

/** A decimal string in ten-thousandths, exactly; zero for what is not a decimal string. */
export function tenThousandths(text) {
  if (!isDecimal(text)) return 0n;
  const [whole, fraction = ""] = text.replace("-", "").split(".");
  const units = BigInt(whole + fraction.padEnd(4, "0").slice(0, 4));
  return text.startsWith("-") ? -units : units;
}

/** Ten-thousandths back as a decimal string. */
export function decimal(units) {
  const digits = (units < 0n ? -units : units).toString().padStart(5, "0");
  return `${units < 0n ? "-" : ""}${digits.slice(0, -4)}.${digits.slice(-4)}`;
}
