"""Other weights for an uploaded base: another upload follows once it is checked and the owner confirms it.

Until then everything is drawn with the former upload. Releases made from it go on being drawn with it, so its files stay.
"""

from __future__ import annotations

from uuid import UUID

from django.db import transaction

from market.accounts.models import User
from market.basemodels.checking import FOUND, start_check
from market.basemodels.models import BaseModel, BaseRelease
from market.basemodels.uploading import complete_upload
from market.jobs.models import Job
from market.refusals import Refused

_CHECKED = "It is being checked just now. Wait for that, or cancel the job."


def propose_weights(base: BaseModel, by: User, upload: UUID) -> Job:
    """Have an upload checked that is to follow the base's own. It replaces one that was proposed before.

    Raises Refused, and then changes nothing.
    """
    with transaction.atomic():
        base = _locked(base, by)
        if base.upload_id is None:
            raise Refused(
                "Only a base model that was uploaded gets other weights by another upload. Of one in a directory, change the "
                "files and have it checked again."
            )
        if not base.fingerprint:
            raise Refused(
                "It has not passed its first check. Remove it, and register the other upload in its place."
            )
        try:
            base.next_upload = complete_upload(by, upload)
        except Refused as refusal:
            raise Refused(*refusal.reasons) from refusal
        base.save(update_fields=["next_upload"])
        return start_check(base, by)


def withdraw_weights(base: BaseModel, by: User) -> None:
    """Stay with the weights in use; the other upload may be proposed again, or given up. Raises Refused."""
    with transaction.atomic():
        base = _locked(base, by)
        if base.next_upload is None:
            raise Refused("No other weights are to follow.")
        base.next_upload.touch()
        base.next_upload = None
        base.save(update_fields=["next_upload"])


def take_up_weights(base: BaseModel, by: User, release: BaseRelease) -> None:
    """Switch to the upload that a release was made from. The caller's transaction puts the release into use. Raises Refused."""
    base = _locked(base, by)
    found = base.checks.filter(fingerprint=release.fingerprint).order_by("-pk").first()
    if release.upload is None or found is None:
        raise Refused(f"The weights of {release} are not there any more. Choose a release of those in use.")
    BaseModel.objects.filter(pk=base.pk).update(
        upload=release.upload,
        next_upload=None,
        **{name: getattr(found, name) for name in FOUND},
    )


def _locked(base: BaseModel, by: User) -> BaseModel:
    if by.pk != base.owner_id:
        raise Refused("Only the owner of a base model decides on its weights.")
    base = (
        BaseModel.objects.select_for_update(of=("self",))
        .select_related("check_job", "next_upload", "owner")
        .get(pk=base.pk)
    )
    if base.is_checking:
        raise Refused(_CHECKED)
    return base
