"""The one task. Its message says only that there is work; what work, the Job table says.

A worker also looks for itself now and then, so that jobs are done while the broker is away.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import threading
from collections.abc import Collection
from multiprocessing.synchronize import Event
from typing import Any

import torch
from celery import signals
from django.conf import settings
from django.db import DatabaseError, connection

from market.celery import app
from market.jobs.checkpoints import sweep_checkpoints
from market.jobs.dispatch import WAKE
from market.jobs.models import Worker
from workers.engine import Engine, available_cores, threads_for
from workers.kinds import KINDS
from workers.running import work

log = logging.getLogger(__name__)

REPORT_EVERY = 5.0
"""Seconds between two reports of a worker."""
HAND_BACK_WITHIN = 15.0
"""Seconds that a stopping process waits for the next step of its job."""
LOOK_EVERY = 10.0
"""Seconds between two looks for jobs that no message announced."""


class Process:
    """What one worker process keeps: the loaded engine, and the sign to stop that its parent shares with it."""

    engine: Engine | None = None
    name = ""
    # Held while jobs are done, be it for a message or not: one job at a time.
    at_work = threading.Lock()
    # Made in the parent before it forks; its children inherit it.
    stop: Event | None = None

    @classmethod
    def warm_engine(cls) -> Engine:
        if cls.engine is None:
            if "OMP_NUM_THREADS" not in os.environ:
                torch.set_num_threads(threads_for(available_cores(), settings.CONFIG.number("WORKERS")))
            cls.engine = Engine(settings.DEVICE)
        return cls.engine

    @classmethod
    def label(cls) -> str:
        """Name this process among the children of its worker."""
        return f"{cls.name}/{os.getpid()}"

    @classmethod
    def stopping(cls) -> bool:
        return cls.stop is not None and cls.stop.is_set()


def served_kinds() -> Collection[str]:
    """Give the kinds whose queues this worker was started with."""
    return [kind for kind in KINDS if kind in app.amqp.queues.consume_from]


@app.task(name=WAKE, ignore_result=True)
def wake(_kind: str) -> None:
    """Do whatever this worker serves and finds, until there is nothing left. The kind only chose the queue."""
    with Process.at_work:
        do_jobs()


def do_jobs() -> None:
    work(
        engine=Process.warm_engine(),
        kinds=served_kinds(),
        worker=Process.label(),
        stopping=Process.stopping,
        on_stall=abandon_process,
    )


def look_for_jobs(stop: Event) -> None:
    """Do what no message announced, every LOOK_EVERY seconds."""
    while not stop.wait(LOOK_EVERY):
        if Process.at_work.acquire(blocking=False):
            try:
                sweep_checkpoints()  # of this machine, where there may be no sweeper
                do_jobs()
            except DatabaseError:
                log.warning("could not look for jobs", exc_info=True)
            finally:
                Process.at_work.release()
                connection.close()


def abandon_process() -> None:
    """Leave at once: a call into the device hangs. The parent starts another child."""
    os._exit(70)


@signals.worker_init.connect
def prepare_to_stop(sender: Any, **_: Any) -> None:
    Process.name = sender.hostname
    Process.stop = multiprocessing.Event()


@signals.worker_process_init.connect
def begin(**_: Any) -> None:
    for task in (report, look_for_jobs):
        threading.Thread(target=task, args=(Process.stop,), name=task.__name__, daemon=True).start()


@signals.worker_process_shutdown.connect
def finish_looking(**_: Any) -> None:
    """Let a job that no message announced be handed back before the process goes."""
    Process.at_work.acquire(timeout=HAND_BACK_WITHIN)


@signals.worker_shutting_down.connect
def ask_children_to_stop(**_: Any) -> None:
    """Make the running job be handed back at its next step, instead of waiting for its end."""
    if Process.stop is not None:
        Process.stop.set()


@signals.worker_shutdown.connect
def report_gone(sender: Any, **_: Any) -> None:
    try:
        Worker.objects.filter(name__startswith=f"{sender.hostname}/").delete()
    except DatabaseError:
        log.warning("could not sign off", exc_info=True)
    finally:
        connection.close()


def report(stop: Event) -> None:
    """Say every REPORT_EVERY seconds that this process is there. Celery's own heartbeat stops while the broker is away."""
    while True:
        try:
            Worker.objects.report(name=Process.label(), kinds=served_kinds(), device=settings.DEVICE)
        except DatabaseError:
            log.warning("could not report as alive", exc_info=True)
            connection.close()
        if stop.wait(REPORT_EVERY):
            return
