// The purchases that look like fraud: the newest alerts, each with its score, what was bought and why it is suspected.

import { byId, fill, make, setBar, show, write } from "./dom.js";
import { ago, count, money, percent } from "./format.js";

const SEVERE = 80;
const LIKELY = 50;

/** One line for each alert, the newest first. */
export function drawFraud({ fraud, at }) {
  const alerts = fraud?.alerts ?? [];
  write(byId("fraud-sub"), note(fraud));
  show(byId("fraud-empty"), alerts.length === 0);
  fill(byId("fraud"), alerts, line, (item, alert) => {
    const [score, what, why, amount] = item.children;
    item.dataset.level = alert.score >= SEVERE ? "severe" : alert.score >= LIKELY ? "likely" : "possible";
    const [number, bar] = score.children;
    write(number, String(alert.score));
    setBar(bar.firstChild, alert.score / 100);
    const [order, when] = what.children;
    write(order, alert.order_id ?? alert.event_id);
    write(when, `${alert.user_id} · ${ago(alert.at, at)}`);
    fill(why, alert.reasons.slice(0, 2), () => make("li"), (reason, { text }) => write(reason, text));
    const [paid, verdict] = amount.children;
    write(paid, money(alert.amount, alert.currency));
    write(verdict, alert.fraud === true ? "confirmed" : alert.fraud === false ? "cleared" : "");
  });
}

function line() {
  const score = make("p", "fraud-score", make("strong"), make("span", "track", make("span", "bar")));
  const what = make("p", "fraud-what", make("strong"), make("span"));
  return make("li", "", score, what, make("ul", "fraud-why"), make("p", "fraud-amount", make("strong"), make("span")));
}

function note(fraud) {
  if (!fraud || fraud.scored === 0) return "Every purchase is scored from 0 to 100 as it comes";
  const share = percent(fraud.alerted, fraud.scored, 2);
  const labels = fraud.labels > 0 ? ` · ${count(fraud.labels)} confirmed or cleared` : "";
  return `${count(fraud.alerted)} of ${count(fraud.scored)} purchases score ${fraud.alert_score} or more, ${share}${labels}`;
}
