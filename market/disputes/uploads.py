"""Disputes about uploads: a picture was refused because it matches one in the market, and an admin decides whether it is taken."""

from __future__ import annotations

import io
import zlib

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from PIL import Image

from market.accounts.mailing import write_to
from market.accounts.models import User
from market.accounts.roles import require_admin
from market.audit.recording import record
from market.catalog.models import UploadRefusal, Work
from market.refusals import Refused, gone_on
from pictures.looks import NotALook

SAME_PIXELS = (
    "It has exactly the pixels of another artist's work, and one picture belongs to one artist. If that artist is not its author, have "
    "them remove it, then decide again."
)
ABOUT_YOU = "Another admin has to: this upload, or the picture that it matches, is yours."


def visible_uploads(person: User) -> QuerySet[UploadRefusal]:
    """The refused uploads of a person. Admins see all. Whose picture was matched is for admins alone."""
    uploads = UploadRefusal.objects.select_related("person", "concept")
    if person.is_admin:
        return uploads.select_related("matched_artist", "matched_work", "matched_look")
    return uploads.filter(person=person)


def may_decide(person: User, upload: UploadRefusal) -> bool:
    return person.is_admin and person.pk not in (upload.person_id, upload.matched_artist_id)


def decide_upload(upload: UploadRefusal, admin: User, *, is_taken: bool, decision: str) -> None:
    """Decide, once, whether somebody may upload a picture that was refused. Raises Refused."""
    require_admin(admin)
    if not may_decide(admin, upload):
        raise Refused(ABOUT_YOU)
    decision = decision.strip()
    if not decision:
        raise Refused("Say why: the person who sent the picture reads it.")
    same = Work.objects.filter(pixels_sha256=upload.pixels_sha256).exclude(artist=upload.person_id)
    if is_taken and same.exists():
        raise Refused(SAME_PIXELS)
    with transaction.atomic():
        changed = UploadRefusal.objects.filter(pk=upload.pk, is_taken=None).update(
            is_taken=is_taken, decision=decision[:2000], decided_by=admin, decided_at=timezone.now()
        )
        if not changed:
            raise gone_on("dispute")
        upload.refresh_from_db()
        record(
            "upload.decided",
            by=admin,
            target=upload,
            changes={"is_taken": (None, is_taken)},
            reason=upload.decision,
            details={"person": upload.person_id, "matched_artist": upload.matched_artist_id},
        )
        outcome = "may be uploaded now" if is_taken else "is not taken"
        write_to(
            [upload.person],
            f"Your picture {upload.original_name or 'for ' + upload.concept.name} {outcome}",
            f"An administrator has looked at it. {upload.decision}",
            upload.get_absolute_url(),
        )


def matched_picture(upload: UploadRefusal) -> bytes | None:
    """Give what was matched, as an admin sees it beside the upload: a work small, a picture that the market made by its outlines."""
    if upload.matched_work is not None:
        try:
            with upload.matched_work.thumbnail.open("rb") as stored:
                return bytes(stored.read())
        except FileNotFoundError:
            return None
    if upload.matched_look is None:
        return None
    try:
        outlines = upload.matched_look.look.outlines
    except (NotALook, zlib.error):
        return None
    target = io.BytesIO()
    Image.fromarray(255 - outlines).resize((256, 256)).save(target, "WEBP")
    return target.getvalue()
