// The best sellers: of today from the live view, of a sliding window from the API.

import { Poll } from "./ask.js";
import { byId, write } from "./dom.js";
import { drawProducts } from "./panels.js";

const ASK_MS = 3_000;
const PRODUCTS = 10;
const AGE = 2;
const TODAY = "today";
const WORDS = {
  today: "Today, by revenue",
  "hour-24": "The last 24 hours, by revenue",
  "minute-60": "The last hour, by revenue",
  "minute-15": "The last 15 minutes, by revenue",
};

/** The panel of best sellers: asks by itself for the window that is chosen in it. */
export class BestSellers {
  #view = null;
  #report = null;

  constructor() {
    this.poll = new Poll({
      path: () => this.#path(),
      every: ASK_MS,
      onAnswer: (report) => {
        this.#report = report;
        write(byId("products-sub"), WORDS[this.window]);
        this.draw();
      },
      onFailure: (reason) => write(byId("products-sub"), `Not available: ${reason}`),
    });
    byId("window").addEventListener("change", () => {
      this.#report = null;
      write(byId("products-sub"), WORDS[this.window]);
      if (this.window === TODAY) this.draw();
      else this.poll.again(true);
    });
  }

  get window() {
    return document.querySelector("input[name=window]:checked").value;
  }

  /** The newest view. */
  notice(view) {
    this.#view = view;
    if (this.window !== TODAY) this.poll.notice(view.commit);
  }

  /** Draws what is known of the window that is chosen; until something is, what was there stays. */
  draw() {
    if (!this.#view) return;
    const isToday = this.window === TODAY;
    const products = isToday ? this.#view.top_products ?? [] : this.#report?.products;
    if (!products) return;
    write(byId("products-empty"), isToday ? "No product has sold yet today." : "Nothing has sold in this time.");
    byId("products").parentElement.classList.toggle("no-clicks", !isToday);
    drawProducts(products, isToday ? this.#view.currency : this.#report.currency);
  }

  #path() {
    const [grain, last] = this.window.split("-");
    return `api/v1/live/bestsellers?grain=${grain}&last=${last}&limit=${PRODUCTS}&max_age=${AGE}`;
  }
}
