"""A real browser opens the dashboard, and the numbers on it move."""

import shutil

import pytest
from cartograph import eventually
from playwright.sync_api import sync_playwright

CHROMIUM = "/usr/bin/chromium"
MOVING = ["kpi-revenue", "kpi-orders", "kpi-clicks"]


@pytest.fixture
def page():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium") or CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage"])
        yield browser.new_page(viewport={"width": 1440, "height": 1400})
        browser.close()


def test_a_browser_sees_the_numbers_move(up, data, page, tmp_path):
    server = up(data, "--simulate", 200)
    complaints = []
    page.on("console", lambda line: complaints.append(line.text) if line.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("requestfailed", lambda request: complaints.append(f"{request.url}: {request.failure}"))
    page.on("response", lambda answer: complaints.append(f"{answer.url}: {answer.status}") if answer.status >= 400 else None)

    page.goto(server.url, wait_until="load")

    def number(name):
        # Read through the driver, not by a script in the page, which the page's own policy may forbid.
        return float(page.get_by_test_id(name).get_attribute("data-value") or 0)

    for name in MOVING:
        first = eventually(f"{name} shows a number", lambda: number(name))
        eventually(f"{name} moves past {first}", lambda: number(name) > first)
    shown, before = number("kpi-clicks"), server.snapshot()["today"]["clicks"]
    eventually("the page catches up with the server", lambda: number("kpi-clicks") >= before)
    assert server.snapshot()["today"]["clicks"] >= shown, "the page shows no more than the server knows"

    picture = tmp_path / "dashboard.png"
    page.screenshot(path=picture, full_page=True)
    assert picture.stat().st_size > 10_000, "an empty picture"
    outside = [url for url in page.evaluate("performance.getEntriesByType('resource').map(r => r.name)")
               if not url.startswith(server.url)]
    assert not outside, "the dashboard needs nobody else's server"
    assert not complaints, "the browser has nothing to complain of"
