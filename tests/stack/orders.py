"""Customers who order all the time, for tests of what must not disturb them."""

from __future__ import annotations

import threading
import time

from harness import Stack, http


class Orders:
    """Customers who order without a pause, and what they were told: ids, and answers that were no success."""

    def __init__(self, made: Stack, customers: int = 4, host: str = "edge-1") -> None:
        self.made, self.ids, self.failures = made, list[str](), list[str]()
        self._done = threading.Event()
        self._threads = [threading.Thread(target=self._order) for _ in range(customers)]
        self._product = made.http("/", host=host).body.split('href="/p/', 1)[1].split("/", 1)[0]
        self._url = f"http://{made.hosts()[host]['address']}/api/orders/"

    def _order(self) -> None:
        while not self._done.is_set():
            answer = http(self._url, {"product": self._product, "quantity": 1}, timeout=30)
            if answer.status == 201:
                self.ids.append(answer.json["id"])
            else:
                self.failures.append(f"{time.strftime('%H:%M:%S')} {answer.status}: {answer.body[:200]}")

    def __enter__(self) -> Orders:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        for thread in self._threads:
            thread.join(60)
