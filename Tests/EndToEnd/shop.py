"""A small shop for tests: valid events of three types, from a seed, with the sums they must come to."""

import random
from datetime import datetime, timezone
from decimal import Decimal

CHANNELS = ["shopee", "lazada", "tiki", "website", "store"]


def now():
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Shop:
    """Makes events. The same seed makes the same ids and amounts; `name` keeps two shops' ids apart."""

    def __init__(self, seed, name="shop"):
        self.name = name
        self._random = random.Random(seed)
        self._made = 0

    def event(self):
        chance = self._random.random()
        return self.click() if chance < 0.6 else self.cart() if chance < 0.8 else self.purchase()

    def events(self, count):
        return [self.event() for _ in range(count)]

    def _head(self, kind):
        self._made += 1
        user = self._random.randrange(500)
        return {
            "type": kind,
            "event_id": f"{self.name}-{self._made}",
            "user_id": f"user-{user}",
            "session_id": f"session-{user}-{self._random.randrange(3)}",
            "ts": now(),
            "channel": self._random.choice(CHANNELS),
        }

    def _product(self):
        return f"product-{self._random.randrange(200)}"

    def click(self):
        return self._head("click") | {"product_id": self._product(), "page": "/product", "referrer": ""}

    def cart(self):
        return self._head("cart") | {"product_id": self._product(), "quantity": self._random.randint(1, 4)}

    def purchase(self):
        """A purchase in the reporting currency; amounts as decimal strings, so that no float touches them."""
        items, total = [], Decimal(0)
        for _ in range(self._random.randint(1, 3)):
            price = Decimal(self._random.randrange(1, 20_000)) / 100
            quantity = self._random.randint(1, 3)
            total += price * quantity
            items.append({"product_id": self._product(), "quantity": quantity, "unit_price": str(price)})
        return self._head("purchase") | {"items": items, "total_amount": str(total), "currency": "USD"}


def revenue(events):
    """What the purchases among these events come to."""
    return sum((Decimal(event["total_amount"]) for event in events if event["type"] == "purchase"), Decimal(0))
