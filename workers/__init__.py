"""The processes that do the work: Celery tasks that claim jobs, and the warm engine they run them with."""
