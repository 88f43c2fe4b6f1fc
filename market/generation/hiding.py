"""What a takedown does to pictures: hide them, show them again, and stop requests that were not drawn yet."""

from __future__ import annotations

from collections.abc import Collection

from django.utils import timezone

from market.generation.models import HiddenPicture, Hiding, PictureQuerySet
from market.generation.requesting import KIND
from market.jobs.models import Job

STOPPED = "A plug-in that was chosen for it has been taken down meanwhile. Nothing was charged. Choose another and run it again."
AT_ONCE = 2000


def hide(pictures: PictureQuerySet, *, reference: str, words: str) -> int:
    """Hide these pictures under a reference, in the caller's transaction. Give how many there are. A second call adds new ones."""
    hiding, _made = Hiding.objects.get_or_create(reference=reference, defaults={"words": words})
    hidden = [HiddenPicture(hiding=hiding, picture_id=pk) for pk in pictures.values_list("pk", flat=True)]
    HiddenPicture.objects.bulk_create(hidden, batch_size=AT_ONCE, ignore_conflicts=True)
    return len(hidden)


def show_again(reference: str) -> int:
    """End the hiding under a reference. Give how many pictures it concerned."""
    hidden = HiddenPicture.objects.filter(hiding__reference=reference, hiding__ended_at=None).count()
    Hiding.objects.filter(reference=reference, ended_at=None).update(ended_at=timezone.now())
    return hidden


def stop_requests(versions: Collection[int]) -> int:
    """Fail every unfinished request that uses one of these versions, which releases its money. Give how many.

    If a request is just being paid for, this waits: either it is done, or it is stopped and pays nothing.
    """
    asked = Job.objects.filter(kind=KIND, generation_request__plugins__version__in=versions)
    return asked.abandon_all(error=STOPPED)
