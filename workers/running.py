"""Claim jobs and run them until none is left; every way an attempt can end is decided here."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection

from django.db import DatabaseError, connection

from market.jobs.checkpoints import forget_checkpoint
from market.jobs.lifecycle import LeaseLost
from market.jobs.models import Job
from plugins_engine import Cancelled, DeviceUnavailable, EngineError
from workers.engine import Engine
from workers.kinds import Runner, runner_of
from workers.lease import Lease, never

log = logging.getLogger(__name__)

UNEXPECTED = "Something went wrong in the worker ({error}). Nothing was charged; please try again."


def work(
    *,
    engine: Engine,
    kinds: Collection[str],
    worker: str,
    stopping: Callable[[], bool] = never,
    on_stall: Callable[[], None] | None = None,
) -> int:
    """Do jobs of these kinds, the most urgent first, until there is none or the worker has to stop."""
    done = 0
    while not stopping():
        jobs = Job.objects.claim(kinds=kinds, worker=worker)
        if not jobs:
            break
        for job in jobs:
            attempt(job, engine=engine, lease=Lease(job, stopping=stopping, on_stall=on_stall))
            done += 1
    return done


def attempt(job: Job, *, engine: Engine, lease: Lease, runner: Runner | None = None) -> None:
    """Run one claimed job. Leaves it succeeded, failed, cancelled or queued again, or lost to another attempt."""
    pk, token = job.pk, job.fencing_token
    log.info("job %s (%s): attempt %d", pk, job.kind, job.attempt)
    try:
        with lease.kept():
            (runner or runner_of(job.kind))(job, engine, lease)
    except (Cancelled, LeaseLost) as reason:
        if lease.handing_back:
            Job.objects.release(pk, token=token)
            log.info("job %s: handed back, %s", pk, reason)
        elif Job.objects.cancel(pk, token=token):
            log.info("job %s: cancelled", pk)
        else:
            log.warning("job %s: attempt %d is over, its work is discarded: %s", pk, token, reason)
    except DeviceUnavailable as error:
        log.exception("job %s: this worker's device is gone", pk)
        Job.objects.fail(pk, token=token, error=str(error), retry=True)
    except EngineError as error:
        # The engine explains itself to a person, and would say the same the next time.
        log.info("job %s: refused by the engine: %s", pk, error)
        Job.objects.fail(pk, token=token, error=str(error))
    except Exception as error:
        log.exception("job %s: attempt %d broke", pk, token)
        connection.close()
        Job.objects.fail(pk, token=token, error=UNEXPECTED.format(error=type(error).__name__), retry=True)
    except BaseException:
        # The process is being told to exit in the middle of the work.
        Job.objects.release(pk, token=token)
        raise
    else:
        log.info("job %s: done", pk)
    finally:
        _forget_checkpoint(job)


def _forget_checkpoint(job: Job) -> None:
    try:
        forget_checkpoint(job.pk)
    except DatabaseError:  # a sweep does it later
        log.warning("job %s: could not see whether it has ended", job.pk, exc_info=True)
        connection.close()
