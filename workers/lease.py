"""A worker's hold on one job: progress out, requests to stop in."""

from __future__ import annotations

import io
import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import DatabaseError, connection
from PIL import Image

from market.jobs.clearing import preview_folder
from market.jobs.lifecycle import lease_duration
from market.jobs.models import Job
from plugins_engine import Cancelled, Progress

log = logging.getLogger(__name__)

REPORT_EVERY = 1.0
"""Seconds between two written reports; the engine may call more often."""
STALLED_AFTER = 900.0
"""Seconds without a step after which a job counts as hung and its lease is let go."""


def never() -> bool:
    return False


class Lease:
    """Heartbeats for one attempt. `report` is the engine's progress callback; it raises Cancelled to stop it.

    A thread prolongs the lease between reports, since loading a large base can take longer than a lease lasts. It
    gives up when nothing was reported for `stalled_after` seconds, and then calls `on_stall`: a device call that hangs
    cannot be interrupted from Python, so the process that made it has to go.
    """

    def __init__(
        self,
        job: Job,
        *,
        stopping: Callable[[], bool] = never,
        on_stall: Callable[[], None] | None = None,
        report_every: float = REPORT_EVERY,
        stalled_after: float = STALLED_AFTER,
    ) -> None:
        self.job = job
        self.token = job.fencing_token
        self.handing_back = False
        self._stopping = stopping
        self._on_stall = on_stall
        self._report_every = report_every
        self._stalled_after = stalled_after
        self._reported_at = float("-inf")
        self._heard_at = time.monotonic()
        self._previews = 0
        self._preview: Image.Image | None = None
        self._preview_name = job.preview.name or ""
        self._lost = threading.Event()
        self._done = threading.Event()

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Keep the lease alive while the body runs."""
        keeper = threading.Thread(target=self._keep, name=f"lease of {self.job.pk}", daemon=True)
        keeper.start()
        try:
            yield
        finally:
            self._done.set()
            keeper.join()

    def report(self, progress: Progress) -> None:
        """Record progress about once a second. Raises Cancelled when the attempt has to end."""
        self._heard_at = time.monotonic()
        self.check()
        if progress.preview is not None:
            self._preview = progress.preview
        if self._heard_at - self._reported_at < self._report_every:
            return
        self._reported_at = self._heard_at
        self._beat(progress)

    def say(self, message: str) -> None:
        """Report what is going on before the first step."""
        self._reported_at = float("-inf")
        self.report(Progress(step=0, steps=0, message=message))

    def check(self) -> None:
        """Raise Cancelled if the lease is lost, the owner asked to cancel, or this worker is stopping."""
        if self._stopping():
            self.handing_back = True
            raise Cancelled("the worker is stopping")
        if self._lost.is_set():
            raise Cancelled("the job was cancelled or given to another worker")

    def _beat(self, progress: Progress) -> None:
        name = self._write_preview()
        try:
            held = Job.objects.heartbeat(
                self.job.pk, token=self.token, progress=as_json(progress), preview=name or None
            )
        except DatabaseError:
            # A database that restarts is back before the lease runs out; if not, the fencing token protects.
            log.warning("job %s: could not report progress", self.job.pk, exc_info=True)
            connection.close()
            return
        if name:
            outdated = self._preview_name if held else name
            if outdated:
                self._forget_preview(outdated)
            self._preview_name = name
        if not held:
            self._lost.set()
            self.check()

    def _write_preview(self) -> str:
        """Save the latest preview under a name of its own; "" when there is no new one, or it cannot be kept.

        A picture is worth its steps: no preview ends an attempt.
        """
        if self._preview is None:
            return ""
        buffer = io.BytesIO()
        self._preview.save(buffer, format="PNG")
        self._preview = None
        self._previews += 1
        path = f"{preview_folder(self.job.pk)}/{self.token}-{self._previews}.png"
        try:
            return default_storage.save(path, ContentFile(buffer.getvalue()))
        except Exception:  # whatever a storage raises
            log.warning("job %s: could not keep a preview", self.job.pk, exc_info=True)
            return ""

    def _forget_preview(self, name: str) -> None:
        try:
            default_storage.delete(name)
        except Exception:  # the sweeper deletes it later
            log.warning("job %s: could not delete a preview", self.job.pk, exc_info=True)

    def _keep(self) -> None:
        try:
            while not self._done.wait(lease_duration().total_seconds() / 3):
                if time.monotonic() - self._heard_at > self._stalled_after:
                    log.error(
                        "job %s: no step for %g s; its lease is let go", self.job.pk, self._stalled_after
                    )
                    self._lost.set()
                    if self._on_stall is not None:
                        self._on_stall()
                    return
                try:
                    held = Job.objects.heartbeat(self.job.pk, token=self.token)
                except DatabaseError:
                    log.warning("job %s: could not prolong its lease", self.job.pk, exc_info=True)
                    continue
                finally:
                    connection.close()
                if not held:
                    self._lost.set()
                    return
        finally:
            connection.close()


def as_json(progress: Progress) -> dict[str, Any]:
    """Give the part of a report that is kept in the job's row."""
    report: dict[str, Any] = {"step": progress.step, "steps": progress.steps}
    if progress.loss is not None:
        report["loss"] = round(progress.loss, 5)
    if progress.message:
        report["message"] = progress.message[:200]
    if progress.seconds_left is not None:
        report["seconds_left"] = round(progress.seconds_left, 1)
    return report
