"""Refuse pictures that are in the market already: another artist's work, or a picture that the market made, altered or not.

Each refusal is a dispute about rights, which an administrator decides. What its sender reads says nothing of the
picture that was matched: an upload must not be a way to search other people's pictures.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from django.core.files.base import ContentFile
from django.utils import timezone

from market.accounts.models import User
from market.catalog.likeness import MAX_DISTANCE, Likeness, distance, is_copy
from market.catalog.models import Concept, UploadRefusal, Work
from market.catalog.models.works import WorkQuerySet
from market.catalog.pictures import CleanPicture
from market.catalog.recognising import recognise
from market.refusals import Refused, too_many
from market.stored_files import forget_file

MOST_A_DAY = 20
"""Refusals of one person, after which no more of their pictures are looked at that day: nobody tries out what matches."""
NEUTRAL_REASON = (
    "This picture cannot be registered, because it matches a picture that is already in the market. An administrator looks at it and "
    "decides whether it is taken: you can read it under “Disputes”."
)
AGAIN_TOMORROW = "Many of your pictures match pictures that are already in the market. No more are looked at today: send this one again tomorrow."


def likeness_of(work: Work) -> Likeness:
    return Likeness(work.perceptual_hash, bytes(work.colour_grid))


def refuse_anothers(concept: Concept, by: User, picture: CleanPicture, original_name: str) -> None:
    """Refuse a picture that is somebody else's, and open a dispute. Raises Refused."""
    earlier = UploadRefusal.objects.filter(person=by, pixels_sha256=picture.pixels_sha256).first()
    if earlier is not None and earlier.is_taken:
        return
    if earlier is not None:
        raise Refused(f"An administrator decided: {earlier.decision}" if earlier.decision else NEUTRAL_REASON)
    if (
        UploadRefusal.objects.filter(person=by, refused_at__gt=timezone.now() - timedelta(days=1)).count()
        >= MOST_A_DAY
    ):
        raise too_many(AGAIN_TOMORROW)
    matched = match(by, picture)
    if matched is None:
        return
    matched.person, matched.concept, matched.original_name = by, concept, original_name
    matched.pixels_sha256, matched.perceptual_hash = picture.pixels_sha256, picture.likeness.perceptual_hash
    matched.picture = ContentFile(picture.thumbnail, name="refused.webp")
    try:
        matched.save(force_insert=True)
    except BaseException:
        forget_file(matched.picture)
        raise
    raise Refused(NEUTRAL_REASON)


def match(by: User, picture: CleanPicture) -> UploadRefusal | None:
    """Say what a picture matches, in a record that is not saved yet, or None."""
    for work, bits in _alike_at_once(Work.objects.exclude(artist=by), picture):
        return UploadRefusal(matched_work=work, matched_artist_id=work.artist_id, distance=bits)
    # A plug-in may draw its artist's own works again. They stay works.
    own = any(True for _ in _alike_at_once(Work.objects.filter(artist=by), picture))
    recognised = recognise(picture.probe, picture.pixels_sha256, but=by, made_here=not own)
    if recognised is None:
        return None
    look, found = recognised.look, recognised.found
    return UploadRefusal(
        matched_look=look,
        matched_work=look.work,
        matched_artist_id=look.artist_id,
        likeness=found.likeness,
        cover=found.cover,
    )


def _alike_at_once(works: WorkQuerySet, picture: CleanPicture) -> Iterator[tuple[Work, int]]:
    """Find works that the picture copies as it is or mirrored, an exact match first, with the bits in which their hashes differ."""
    for work in works.filter(pixels_sha256=picture.pixels_sha256)[:1]:
        yield work, 0
    for likeness in (picture.likeness, picture.mirrored):
        for work in works.near(likeness.perceptual_hash, within=MAX_DISTANCE):
            if is_copy(likeness_of(work), likeness):
                yield work, distance(work.perceptual_hash, likeness.perceptual_hash)
