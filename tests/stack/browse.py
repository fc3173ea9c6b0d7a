"""Clicks through the pages in a headless Chromium and writes down what it saw, as JSON.

    python tests/stack/browse.py ADDRESS REPORT [--pictures FOLDER] [--file]

A process of its own: pyinfra's patches of sockets and threads do not go with Playwright's.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, Page, Request, sync_playwright

CHROMIUM = "/usr/bin/chromium"
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
LOOKS = {"light": ("light", 1400), "dark": ("dark", 1400), "phone": ("light", 375), "phone-dark": ("dark", 375)}
PATIENCE = 60_000

# What each card shows. Its canvas is read point by point: only what has the colour of one of its lines counts as drawn.
CARDS = """
() => [...document.querySelectorAll(".card")].map(card => {
  const canvas = card.querySelector("canvas");
  const colours = [...card.querySelectorAll(".swatch")]
    .map(one => getComputedStyle(one).backgroundColor.match(/\\d+/g).map(Number));
  const near = (data, i) => ([r, g, b]) =>
    Math.abs(r - data[i]) + Math.abs(g - data[i + 1]) + Math.abs(b - data[i + 2]) < 40;
  const columns = new Set();
  if (canvas) {
    const { data, width } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    for (let i = 0; i < data.length; i += 4) {
      if (data[i + 3] > 200 && colours.some(near(data, i))) columns.add((i / 4) % width);
    }
  }
  const nothing = card.querySelector(".nothing");
  return {
    id: card.id, kind: card.dataset.kind, empty: card.hasAttribute("data-empty"), lines: colours.length,
    columns: columns.size, width: canvas ? canvas.width : 0, figure: card.querySelector(".figure").textContent,
    nothing: nothing.textContent, values: [...card.querySelectorAll(".value")].map(one => one.textContent),
  };
})
"""
BACKGROUND = "() => getComputedStyle(document.body).backgroundColor"
PICTURE = """
() => {
  const nodes = [...document.querySelectorAll(".picture .node")];
  const dots = node => [...node.querySelectorAll(".dot")];
  return {
    hosts: Object.fromEntries(nodes.map(node => [node.dataset.host, node.dataset.state])),
    dots: Object.fromEntries(
      nodes.flatMap(node => dots(node).map(dot => [`${node.dataset.host} ${dot.dataset.role}`, dot.dataset.state]))),
  };
}
"""


class Watch:
    """What a browser asked for, and what went wrong in it."""

    def __init__(self) -> None:
        self.hosts: set[str] = set()
        self.failed: list[str] = []
        self.said: list[str] = []

    def follow(self, page: Page) -> None:
        page.on("request", lambda request: self.hosts.add(urlsplit(request.url).netloc))
        page.on("requestfailed", self._failed)
        page.on("response", lambda answer: answer.status < 400 or self.failed.append(f"{answer.url}: {answer.status}"))
        page.on("console", lambda line: line.type in ("error", "warning") and self.said.append(line.text))
        page.on("pageerror", lambda error: self.said.append(str(error)))

    def _failed(self, request: Request) -> None:
        # Leaving a page ends what it still asked for.
        if "ERR_ABORTED" not in str(request.failure):
            self.failed.append(f"{request.url}: {request.failure}")


@contextmanager
def opened(browser: Browser, look: str, watch: Watch) -> Iterator[Page]:
    scheme, width = LOOKS[look]
    context = browser.new_context(
        color_scheme=scheme, viewport={"width": width, "height": 900}, reduced_motion="reduce"
    )
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    watch.follow(page)
    yield page
    context.close()


def settled(page: Page) -> None:
    """All cards have had their answer."""
    page.wait_for_function("() => document.documentElement.dataset.drawn !== undefined")


def seen(page: Page) -> dict[str, Any]:
    return {
        "title": page.title(),
        "cards": page.evaluate(CARDS),
        "picture": page.evaluate(PICTURE),
        "alerts": page.locator("#alerts").inner_text(),
        "notice": page.locator("#notice").inner_text() if page.locator("#notice").is_visible() else "",
        "overflow": page.evaluate("() => document.documentElement.scrollWidth - document.documentElement.clientWidth"),
        "background": page.evaluate(BACKGROUND),
    }


def walk(browser: Browser, address: str, look: str, watch: Watch, pictures: Path | None) -> dict[str, Any]:
    """Every page, reached by its link."""
    found: dict[str, Any] = {}
    with opened(browser, look, watch) as page:
        page.goto(address)
        links = page.locator("nav a").all_inner_texts() or [""]
        for name in links:
            if name:
                page.locator("nav a", has_text=name).first.click()
            settled(page)
            key = page.locator("main").get_attribute("data-page") or ""
            found[key] = seen(page)
            if pictures:
                page.evaluate("() => scrollTo(0, 0)")
                page.screenshot(path=pictures / f"{key}-{look}.png", full_page=True)
    return found


def handled(browser: Browser, address: str, watch: Watch) -> dict[str, Any]:
    """Hover, drag, range, one host, colours, a click on the picture."""
    found: dict[str, Any] = {}
    with opened(browser, "light", watch) as page:
        page.goto(address)
        settled(page)
        card = page.locator(".card[data-kind=lines]:not([data-empty])").first
        card.scroll_into_view_if_needed()
        before = card.locator(".value").all_inner_texts()
        box = card.locator(".u-over").bounding_box() or {"x": 0, "y": 0, "width": 0, "height": 0}
        page.mouse.move(box["x"] + box["width"] * 0.3, box["y"] + box["height"] / 2)
        found["hover"] = [before, card.locator(".value").all_inner_texts()]
        page.mouse.down()
        page.mouse.move(box["x"] + box["width"] * 0.6, box["y"] + box["height"] / 2, steps=4)
        page.mouse.up()
        page.wait_for_selector("#live:visible")
        found["zoomed"] = page.evaluate("() => massive.view.window()")
        page.click("#live")
        page.select_option("#range", "15m")
        found["range"] = page.evaluate("() => massive.view.window()")
        host = page.locator(".picture .node").first.get_attribute("data-host")
        page.locator(".picture .node").first.click()
        settled(page)
        found["clicked"] = {"host": host, "page": page.locator("main").get_attribute("data-page"), "address": page.url}
        page.goto(address)
        settled(page)
        found["themes"] = []
        for _ in range(3):
            page.click("#theme")
            found["themes"].append(
                [page.inner_text("#theme"), page.evaluate("() => getComputedStyle(document.body).backgroundColor")]
            )
    return found


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("address")
    words.add_argument("report", type=Path)
    words.add_argument("--pictures", type=Path)
    words.add_argument("--looks", default=",".join(LOOKS))
    words.add_argument("--file", action="store_true", help="the address is one self-contained page")
    given = words.parse_args()
    if given.pictures:
        given.pictures.mkdir(parents=True, exist_ok=True)
    watch = Watch()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        report: dict[str, Any] = {
            look: walk(browser, given.address, look, watch, given.pictures) for look in given.looks.split(",")
        }
        if not given.file:
            report["handled"] = handled(browser, given.address, watch)
        browser.close()
    report |= {"asked": sorted(watch.hosts), "failed": watch.failed, "said": watch.said}
    given.report.write_text(json.dumps(report, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
