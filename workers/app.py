"""The worker's Celery application: `celery -A workers.app worker`, one process for each device.

`-Q generation` (or another kind) makes a worker serve that kind of job only; without it, it serves all.
"""

from __future__ import annotations

from kombu import Queue

from market.celery import app
from workers.kinds import KINDS

app.conf.task_queues = [Queue(kind) for kind in KINDS]
app.conf.task_default_queue = KINDS[0]
# A worker waits at the broker for minutes; what sends a wake-up from a request must not.
app.conf.broker_transport_options = {"socket_connect_timeout": 5, "socket_keepalive": True}
app.conf.imports = ("workers.tasks",)

__all__ = ["app"]
