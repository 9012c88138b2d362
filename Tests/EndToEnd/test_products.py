"""Products: lists with names and categories taken in, wrong ones refused, and what they change in gold."""

import json
from datetime import datetime, timezone

from cartograph import assert_balanced, eventually, must, run
from lake import Lake
from shop import Shop


def take_in(data, path, text, *more):
    path.write_text(text)
    return json.loads(must("products", "import", "--data", data, "--json", path, *more).out)


def purchase(shop, day, **prices):
    items = [{"product_id": product, "quantity": 1, "unit_price": price} for product, price in prices.items()]
    return shop.purchase() | {
        "ts": f"{day}T10:00:00Z", "currency": "USD", "items": items, "total_amount": str(sum(map(float, prices.values())))}


def sold(data):
    with Lake(data) as lake:
        rows = lake.rows("gold.daily_category_sales").to_pylist()
    return {(str(row["business_day"]), row["category"]): float(row["revenue"]) for row in rows}


def test_lists_are_taken_in_beside_a_server_and_reopen_the_past(up, data, tmp_path):
    server = up(data)
    shop = Shop(1)
    server.accept([purchase(shop, "2026-03-01", hat="1.00", shoe="2.00"), purchase(shop, "2026-03-05", shoe="4.00")])
    server.batch()
    assert sold(data) == {("2026-03-01", "unknown"): 3, ("2026-03-05", "unknown"): 4}

    file = tmp_path / "products.csv"
    told = take_in(data, file, "product_id,Category,Colour\nshoe,shoes,red\nhat,hats,\n")
    today = str(datetime.now(timezone.utc).date())
    assert told == {"added": 2, "changed": 0, "known": 0, "valid_from": today, "ignored_columns": ["Colour"]}
    server.batch()
    assert sold(data) == {("2026-03-01", "hats"): 1, ("2026-03-01", "shoes"): 2, ("2026-03-05", "shoes"): 4}

    # Known already, changed from today on, and changed in the past.
    assert take_in(data, file, "product_id,category\nshoe,shoes\n")["known"] == 1
    assert take_in(data, file, "product_id,category\nhat,caps\n")["changed"] == 1
    assert take_in(data, file, "product_id;category\nshoe;boots\n", "--from", "2026-03-05")["changed"] == 1
    server.batch()
    assert sold(data) == {("2026-03-01", "hats"): 1, ("2026-03-01", "shoes"): 2, ("2026-03-05", "boots"): 4}
    shown = json.loads(must("products", "show", "--data", data, "--json").out)
    assert shown["products"] == 2 and shown["last_source"] == "file products.csv"
    assert shown["categories"] == [{"category": "boots", "products": 1}, {"category": "caps", "products": 1}]
    versions = json.loads(must("products", "show", "shoe", "--data", data, "--json").out)
    assert [(each["category"], each.get("valid_from"), each.get("valid_to")) for each in versions] == [
        ("shoes", None, "2026-03-05"), ("boots", "2026-03-05", None)]

    # From the beginning on.
    assert take_in(data, file, "product_id,category\nshoe,footwear\n", "--from", "beginning")["valid_from"] == "1900-01-01"
    server.batch()
    assert sold(data) == {("2026-03-01", "hats"): 1, ("2026-03-01", "footwear"): 2, ("2026-03-05", "footwear"): 4}

    # In the people's words, too.
    assert "footwear" in must("products", "--data", data).out and "the beginning" in must("products", "show", "shoe", "--data", data).out
    server.stop_cleanly()
    must("batch", "test", "--data", data)
    assert_balanced(data)


def test_a_list_that_is_wrong_is_refused_whole_and_says_where(data, tmp_path):
    file = tmp_path / "products.csv"
    file.write_text("product_id,category\nshoe,shoes\n,hats\nshoe,boots\n")
    said = run("products", "import", "--data", data, file)
    assert said.code == 1
    assert "nothing was taken in, since 2 lines are wrong: line 3: it has no product_id; line 4: shoe stands on line 2" in said.complaint
    assert json.loads(must("products", "show", "--data", data, "--json").out)["products"] == 0
    file.write_text("product_id,category\nshoe,shoes\n")
    for options, word in (
            (["--from", "yesterday"], "is no day such as"), (["--from", "2026-02-30"], "is no day such as"),
            (["--column", "price=x"], "is not product_id, name, category or brand"),
            (["--column", "name=x", "--column", "name=y"], "names name twice")):
        said = run("products", "import", "--data", data, file, *options)
        assert said.code == 2 and word in said.err, said.err
    said = run("products", "import", "--data", data, file, "--from", "2999-01-01")
    assert said.code == 1 and "--from 2999-01-01 is in the future" in said.complaint
    said = run("products", "import", "--data", data, file, "--column", "category=Type")
    assert said.code == 1 and "it has no column 'Type'" in said.complaint
    assert "no list has the product 'hat'" in run("products", "show", "hat", "--data", data).complaint
    # Before the first event, as well.
    assert take_in(data, file, "SKU,Type\nshoe,shoes\n", "--column", "product_id=SKU", "--column", "category=Type")["added"] == 1
    must("simulate", "--data", data, "--events", 10, "--to", "log")


def test_a_simulated_shop_has_categories_by_itself(up, data, tmp_path):
    written = tmp_path / "list.csv"
    must("simulate", "--data", data, "--events", 3_000, "--seed", 3, "--to", "log", "--products", written)
    must("batch", "run", "--data", data)
    categories = {category for _, category in sold(data)}
    assert len(categories) > 8 and "unknown" not in categories
    known = json.loads(must("products", "import", "--data", data, "--json", written).out)
    assert known["known"] == 5_000 and known["added"] == known["changed"] == 0, "what is written is what was taken in"
    assert_balanced(data)


def test_a_server_that_simulates_knows_what_it_sells(up, data):
    server = up(data, "--simulate", 200)

    def categories():
        server.batch()
        with Lake(data) as lake:
            return lake.exists("gold.daily_category_clicks") and {
                row["category"] for row in lake.rows("gold.daily_category_clicks").to_pylist()}

    eventually("clicks have categories", lambda: len(categories() or []) > 8)
    assert "unknown" not in categories()
    server.stop_cleanly()
