"""A steady stream of requests to a service, and what became of each."""

from __future__ import annotations

import json
import threading
import time
import urllib.request
from typing import Self


class Load:
    """A steady stream of requests, each on its own connection; every answer and failure is kept with its real times."""

    def __init__(self, url: str, per_second: float, timeout: float) -> None:
        self._url, self._gap, self._timeout = url, 1 / per_second, timeout
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        self.answers: list[
            tuple[float, float, str]
        ] = []  # started, ended (seconds since the epoch), instance's name
        self.failures: list[tuple[float, float, str]] = []  # started, ended, error

    def _one(self) -> None:
        started = time.time()
        try:
            with urllib.request.urlopen(self._url, timeout=self._timeout) as response:
                name = str(json.load(response)["instance"])
            self.answers.append((started, time.time(), name))
        except (OSError, ValueError) as error:
            self.failures.append((started, time.time(), repr(error)))

    def _pace(self) -> None:
        while not self._stop.wait(self._gap):
            thread = threading.Thread(target=self._one)
            thread.start()
            self._threads.append(thread)

    def __enter__(self) -> Self:
        self._pacer = threading.Thread(target=self._pace)
        self._pacer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._pacer.join()
        for thread in self._threads:
            thread.join()
