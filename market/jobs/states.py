"""The states of a job. Three of them are final. Only `running` has a lease."""

from django.db.models import TextChoices


class JobState(TextChoices):
    QUEUED = "queued", "Waiting"
    RUNNING = "running", "Running"
    SUCCEEDED = "succeeded", "Done"
    FAILED = "failed", "Failed"
    CANCELLED = "cancelled", "Cancelled"


ENDED = (JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED)
LIVE = (JobState.QUEUED, JobState.RUNNING)
