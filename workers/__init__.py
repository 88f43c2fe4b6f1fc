"""The processes that do the work: Celery tasks that claim jobs, and the warm engine they run them with."""

import os

# Before torch is loaded. By default its threads spin while they wait for each other, so that two workers on the same
# cores slow each other seven times.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
