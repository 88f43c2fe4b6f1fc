"""Do the same on several connections at once."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable

from django.db import connection


def at_once(connections: int, work: Callable[[int], object]) -> Counter[str]:
    """Run the work on so many connections from one starting shot; count how each ended."""
    start = threading.Barrier(connections)
    outcomes: list[str] = []

    def run(number: int) -> None:
        try:
            connection.ensure_connection()
            start.wait(timeout=60)
            result = work(number)
            outcomes.append(str(result) if isinstance(result, str) else "done")
        except Exception as error:  # noqa: BLE001  # every way to end is an outcome that the test compares
            outcomes.append(type(error).__name__)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return Counter(outcomes)
