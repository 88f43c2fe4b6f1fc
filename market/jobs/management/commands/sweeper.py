"""Keep the queue healthy: this process notices what went missing."""

from __future__ import annotations

import logging
import signal
from threading import Event
from types import FrameType
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.db import Error as DatabaseError
from django.db import close_old_connections, connection

from market.jobs.sweeping import sweep

log = logging.getLogger(__name__)


class Command(BaseCommand):
    help = "Take back expired leases, re-send lost wake-ups and release abandoned holds, every few seconds."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--once", action="store_true", help="sweep once and exit")
        parser.add_argument("--interval", type=float, default=5.0, help="seconds between sweeps (default 5)")

    def handle(self, *args: Any, once: bool, interval: float, **options: Any) -> None:
        if once:
            self.stdout.write(str(sweep()))
            return
        stop = Event()

        def ask_to_stop(_signum: int, _frame: FrameType | None) -> None:
            stop.set()

        signal.signal(signal.SIGTERM, ask_to_stop)
        signal.signal(signal.SIGINT, ask_to_stop)
        self.stdout.write(f"sweeping every {interval:g} s")
        while not stop.is_set():
            try:
                close_old_connections()
                swept = sweep()
                if swept:
                    log.info("swept: %s", swept)
            except DatabaseError:
                # A restarting database comes back. A sweeper that died with it would not.
                log.warning("the database did not answer; sweeping again in %g s", interval, exc_info=True)
                connection.close()
            except Exception:
                log.exception("a sweep failed; the next one starts in %g s", interval)
            stop.wait(interval)
