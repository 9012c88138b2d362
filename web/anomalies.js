// The anomalies: what goes on now and what ended within a day, one line for each incident.

import { byId, fill, make, show, write } from "./dom.js";
import { clock, money, plural } from "./format.js";

const LINES_MAX = 8;
const RANK = { critical: 2, warning: 1, info: 0 };

/** One line for each incident, told by its most severe anomaly; those that go on come first. */
export function drawAnomalies({ anomalies: report, timezone, currency }) {
  const incidents = grouped(report?.anomalies ?? []);
  const open = incidents.filter(({ isOpen }) => isOpen).length;
  write(byId("anomalies-sub"), note(report, open, incidents.length, timezone));
  show(byId("anomalies-empty"), incidents.length === 0 && report?.ready === true);
  fill(byId("anomalies"), incidents.slice(0, LINES_MAX), line, (item, { main, others, isOpen }) => {
    item.dataset.severity = main.severity;
    const [severity, when, summary, stake] = item.children;
    write(severity, main.severity);
    const until = isOpen ? "now" : clock(main.end ?? main.start, timezone);
    write(when, `${clock(main.start, timezone)} – ${until}`);
    write(summary, main.summary + (others > 0 ? ` (and ${plural(others, "more number")})` : ""));
    write(stake, main.stake === null ? "" : money(main.stake.toFixed(2), currency));
  });
}

function line() {
  return make(
    "li", "", make("span", "severity"), make("span", "when-it-was"), make("span", "summary"), make("span", "stake"));
}

function note(report, open, all, timezone) {
  if (!report) return "";
  if (!report.ready) return report.waits_for ? `Not watching yet: waiting for ${report.waits_for}` : "Not watching yet";
  const ended = all - open;
  return `${open} now, ${ended} ended in the last 24 hours · settled until ${clock(report.settled_until, timezone)}`;
}

function grouped(anomalies) {
  const incidents = new Map();
  for (const anomaly of anomalies) {
    const incident = incidents.get(anomaly.incident) ?? { main: anomaly, others: -1, isOpen: false };
    incident.others += 1;
    incident.isOpen ||= anomaly.end === null;
    if (isWorse(anomaly, incident.main)) incident.main = anomaly;
    incidents.set(anomaly.incident, incident);
  }
  return [...incidents.values()].sort((a, b) => b.isOpen - a.isOpen || (a.main.start < b.main.start ? 1 : -1));
}

// Of the same severity the one over all channels tells more, and of those the one with more at stake.
function isWorse(a, b) {
  if (RANK[a.severity] !== RANK[b.severity]) return RANK[a.severity] > RANK[b.severity];
  if ((a.channel === null) !== (b.channel === null)) return a.channel === null;
  return Math.abs(a.stake ?? 0) > Math.abs(b.stake ?? 0);
}
