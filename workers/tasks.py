"""The one task. Its message says only that there is work; what work, the Job table says."""

from __future__ import annotations

import logging
import multiprocessing
import os
import time
from collections.abc import Collection
from multiprocessing.synchronize import Event
from typing import Any

from celery import signals
from django.conf import settings
from django.db import DatabaseError, connection

from market.celery import app
from market.jobs.dispatch import WAKE
from market.jobs.models import Worker
from workers.engine import Engine
from workers.kinds import KINDS
from workers.running import work

log = logging.getLogger(__name__)

REPORT_EVERY = 5.0
"""Seconds between two reports of a worker; Celery's own heartbeat comes more often."""


class Process:
    """What one worker process keeps: the loaded engine, and the sign to stop that its parent shares with it."""

    engine: Engine | None = None
    # Made in the parent before it forks; its children inherit it.
    stop: Event | None = None
    reported_at = float("-inf")

    @classmethod
    def warm_engine(cls) -> Engine:
        if cls.engine is None:
            cls.engine = Engine(settings.DEVICE)
        return cls.engine

    @classmethod
    def stopping(cls) -> bool:
        return cls.stop is not None and cls.stop.is_set()


def served_kinds() -> Collection[str]:
    """Give the kinds whose queues this worker was started with."""
    return [kind for kind in KINDS if kind in app.amqp.queues.consume_from]


@app.task(name=WAKE, bind=True, ignore_result=True)
def wake(self: Any, _kind: str) -> None:
    """Do whatever this worker serves and finds, until there is nothing left. The kind only chose the queue."""
    work(
        engine=Process.warm_engine(),
        kinds=served_kinds(),
        worker=f"{self.request.hostname}/{os.getpid()}",
        stopping=Process.stopping,
        on_stall=abandon_process,
    )


def abandon_process() -> None:
    """Leave at once: a call into the device hangs. The parent starts another child."""
    os._exit(70)


@signals.worker_init.connect
def prepare_to_stop(**_: Any) -> None:
    Process.stop = multiprocessing.Event()


@signals.worker_shutting_down.connect
def ask_children_to_stop(**_: Any) -> None:
    """Make the running job be handed back at its next step, instead of waiting for its end."""
    if Process.stop is not None:
        Process.stop.set()


@signals.worker_ready.connect
def report_ready(sender: Any, **_: Any) -> None:
    report(sender.hostname)


@signals.heartbeat_sent.connect
def report_alive(sender: Any, **_: Any) -> None:
    if time.monotonic() - Process.reported_at >= REPORT_EVERY:
        report(sender.eventer.hostname)


@signals.worker_shutdown.connect
def report_gone(sender: Any, **_: Any) -> None:
    try:
        Worker.objects.filter(name=sender.hostname).delete()
    except DatabaseError:
        log.warning("could not sign off", exc_info=True)
    finally:
        connection.close()


def report(name: str) -> None:
    """Say that this worker is there. Runs in the parent, which must not keep a connection its children inherit."""
    Process.reported_at = time.monotonic()
    try:
        Worker.objects.report(name=name, kinds=served_kinds(), device=settings.DEVICE)
    except DatabaseError:
        log.warning("could not report as alive", exc_info=True)
    finally:
        connection.close()
