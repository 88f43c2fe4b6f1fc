"""The processes that do the work: Celery tasks that claim jobs, and the warm engine they run them with."""

import plugins_engine  # noqa: F401  # before torch is loaded: it says how torch's threads wait
