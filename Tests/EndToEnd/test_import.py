"""Somebody else's purchase history becomes tables that an independent reader sums up to the cent."""

import json
from datetime import date
from decimal import Decimal

import pytest
from cartograph import ROOT, assert_balanced, must, run
from lake import Lake, total


@pytest.fixture(scope="module")
def imported(cdnow, tmp_path_factory):
    """A data folder with the whole of CDNOW imported and its models run."""
    data = tmp_path_factory.mktemp("import") / "data"
    must("import", "--data", data, "--mapping", "cdnow", cdnow)
    must("batch", "run", "--data", data)
    return data


def test_pyiceberg_reads_every_purchase_to_the_cent(imported):
    with Lake(imported) as lake:
        purchases = lake.rows("bronze.purchases")
        assert purchases.num_rows == 69_659
        assert total(purchases, "total_amount") == Decimal("2500315.63")
        assert len(purchases["user_id"].unique()) == 23_570
        assert sum(item["quantity"] for items in purchases["items"].to_pylist() for item in items) == 167_881
        assert len(purchases["event_id"].unique()) == 69_659, "identical lines are distinct purchases"
        assert purchases["total_amount"].to_pylist().count(Decimal(0)) == 80, "purchases of nothing are purchases"
        assert set(purchases["currency"].to_pylist()) == {"USD"}


def test_pyiceberg_reads_daily_sales(imported):
    with Lake(imported) as lake:
        sales = lake.rows("gold.daily_sales")
    assert sum(sales["orders"].to_pylist()) == 69_659
    assert total(sales, "revenue") == Decimal("2500315.63")
    valentine = [row for row in sales.to_pylist() if row["business_day"] == date(1997, 2, 14)]
    assert sum(row["orders"] for row in valentine) == 338
    assert sum(row["revenue"] for row in valentine) == Decimal("11872.23")


def test_the_books_of_an_import_balance(imported):
    assert_balanced(imported)


def test_a_second_import_changes_nothing(imported, cdnow):
    def state():
        with Lake(imported) as lake:
            sales = lake.rows("gold.daily_sales").to_pylist()
            columns = ["business_day", "orders", "revenue"]
            return (
                lake.offsets("purchases"),
                lake.rows("bronze.purchases").num_rows,
                lake.rows("silver.purchases").num_rows,
                sorted(tuple(row[name] for name in columns) for row in sales),
            )

    before, books = state(), assert_balanced(imported)
    must("import", "--data", imported, "--mapping", "cdnow", cdnow)
    must("batch", "run", "--data", imported)
    assert state() == before
    assert assert_balanced(imported) == books


FIXTURES = ROOT / "Tests/FileImportTests/Fixtures"


def test_an_online_retail_export_is_imported_with_every_line_accounted_for(data):
    expected = [json.loads(line) for line in (FIXTURES / "online-retail.events.ndjson").read_text().splitlines()]
    bought = sum(Decimal(str(event["total_amount"])) for event in expected if event["type"] == "purchase")
    refused = (FIXTURES / "online-retail.rejected.txt").read_text().strip().splitlines()

    told = must("import", "--data", data, "--mapping", "online-retail", "--json", FIXTURES / "online-retail.csv")

    outcome = json.loads(told.out)["files"][0]
    assert outcome["accepted"] == len(expected)
    assert sum(outcome["rejected"].values()) == len(refused)
    with Lake(data) as lake:
        assert total(lake.rows("gold.daily_sales"), "revenue") == bought
        assert set(lake.rows("gold.daily_sales")["currency"].to_pylist()) == {"GBP"}
        assert lake.rows("bronze.quarantine").num_rows == len(refused)
        cancelled = lake.rows("bronze.orders", "status", "raw").to_pylist()
        assert len(cancelled) == sum(event["type"] == "order_status" for event in expected)
        assert all(row["status"] == "cancelled" and "refunded_amount" in row["raw"] for row in cancelled)
    assert_balanced(data)


def test_an_import_goes_through_the_server_that_holds_the_folder(data, up, cdnow):
    server = up(data)
    must("import", "--data", data, "--mapping", "cdnow", cdnow)
    again = must("import", "--data", data, "--mapping", "cdnow", cdnow)
    assert "imported before" in again.out
    assert server.totals["accepted"] == 69_659
    server.stop_cleanly()
    with Lake(data) as lake:
        assert total(lake.rows("gold.daily_sales"), "revenue") == Decimal("2500315.63")
    assert_balanced(data)


def test_a_mapping_that_cannot_work_is_told_before_a_byte_is_read(data, tmp_path):
    missing = run("import", "--data", data, "--mapping", "no-such-mapping", FIXTURES / "online-retail.csv")
    assert missing.code == 1
    assert "no-such-mapping" in missing.complaint
    absent = run("import", "--data", data, "--mapping", "cdnow", tmp_path / "absent.txt")
    assert absent.code == 1
    assert "absent.txt" in absent.complaint
