"""A claim's draft: what it says, its works and controls, until it is submitted with its notice."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

from django.core.files.base import ContentFile
from django.db import IntegrityError, transaction

from market.accounts.models import User
from market.audit.recording import record
from market.basemodels.models import BaseModel
from market.catalog.models import Concept, PlugIn, Work
from market.catalog.pictures import CleanPicture
from market.catalog.reading import ReadPicture, read_by, read_pictures, set_aside
from market.catalog.uploads import NotTaken
from market.claims import mails
from market.claims.limits import require_may_claim
from market.claims.measuring import MAX_CONTROLS, MAX_WORKS, MIN_CONTROLS, begin_measuring
from market.claims.models import (
    MAX_PROMPTS,
    PROMPT_LENGTH,
    RIGHTS_LENGTH,
    Claim,
    ClaimPicture,
    ClaimState,
    Notice,
    PictureSort,
)
from market.claims.parties import is_neutral_admin, require_claimant
from market.refusals import Refused, gone_on, invalid
from market.stored_files import files_undone, forget_file
from pictures.captions import caption_of_name


@dataclass(frozen=True)
class Draft:
    """What an artist writes in a claim: prompts that may reproduce their works, their rights, who finds controls."""

    prompts: list[str]
    rights: str
    controls_by_market: bool = False

    def __post_init__(self) -> None:
        """Raise Refused for too many prompts or too long texts."""
        if len(self.prompts) > MAX_PROMPTS:
            found = f"there are {len(self.prompts)}"
            raise invalid(f"Give at most {MAX_PROMPTS} prompts, a line each; {found}.", field="prompts")
        for prompt in self.prompts:
            if len(prompt) > PROMPT_LENGTH:
                raise invalid(
                    f"A prompt has at most {PROMPT_LENGTH} letters; “{prompt[:40]}…” has {len(prompt)}.",
                    field="prompts",
                )
        if len(self.rights) > RIGHTS_LENGTH:
            raise invalid(f"Say it in at most {RIGHTS_LENGTH} letters.", field="rights")


@dataclass(frozen=True)
class ClaimOrder:
    """What a claim is about: the artist's concept, and one base model or one plug-in that is said to contain it."""

    concept: Concept
    base: BaseModel | None = None
    plugin: PlugIn | None = None

    def __post_init__(self) -> None:
        if (self.base is None) == (self.plugin is None):
            raise invalid("Choose a base model or a plug-in: a claim is about one of them.")

    @property
    def about(self) -> BaseModel | PlugIn:
        return cast("BaseModel | PlugIn", self.base or self.plugin)


def draft_claim(*, concept: Concept, about: BaseModel | PlugIn, by: User, draft: Draft) -> Claim:
    """Begin a claim. Nobody else sees it until it is submitted."""
    if concept.artist_id != by.pk:
        raise Refused("Choose a concept of your own.")
    if about.owner_id == by.pk:
        raise Refused(f"{about} is yours: there is nobody to claim it from.")
    target = {"base": about} if isinstance(about, BaseModel) else {"plugin": about}
    try:
        with transaction.atomic():
            require_may_claim(by)
            claim = Claim.objects.create(claimant=by, concept=concept, **target, **vars(draft))
            claim.begin(by)
    except IntegrityError as error:
        raise Refused(
            f"There is a claim for {concept} about {about} already. Go on with that one, or withdraw it."
        ) from error
    return claim


def change_draft(claim: Claim, by: User, draft: Draft) -> None:
    require_claimant(claim, by)
    if not Claim.objects.filter(pk=claim.pk, state=ClaimState.DRAFT).update(**vars(draft)):
        raise Refused("The claim is submitted; what it says stays. Withdraw it to make another.")
    claim.refresh_from_db()


def choose_works(claim: Claim, by: User, works: Collection[Work]) -> None:
    """Make these the works that the claim is about. Each is copied, so deleting the work later does not change the claim."""
    require_claimant(claim, by)
    if len(works) > MAX_WORKS:
        raise Refused(f"Choose at most {MAX_WORKS} works; {len(works)} are chosen.")
    for work in works:
        if work.artist_id != by.pk or work.concept_id != claim.concept_id:
            raise Refused(f"Choose works of {claim.concept} only.")
        if not work.caption:
            raise Refused(f"“{work}” has no caption: say on the concept's page what it shows.")
    with files_undone() as stored, transaction.atomic():
        _lock_draft(claim)
        chosen = claim.pictures.filter(sort=PictureSort.WORK)
        there = set(chosen.values_list("work", flat=True))
        _drop(each for each in chosen if each.work_id not in {work.pk for work in works})
        for work in works:
            if work.pk not in there:
                stored += _copy(claim, work).files()


def add_controls(claim: Claim, by: User, files: Iterable[Any]) -> tuple[int, list[NotTaken]]:
    """Take pictures that the base never saw.

    The claimant adds them while the claim is a draft; an admin adds them if the claimant has none. Gives how many were taken,
    and why each of the others was not. Raises Refused if none can be read now.
    """
    _require_may_add_controls(claim, by)
    with read_by(by, _read(files)) as read:
        return keep_controls(claim, by, read)


@contextmanager
def controls_read(claim: Claim, by: User, files: Iterable[Any]) -> Iterator[Iterator[ReadPicture]]:
    """Read the files, to keep them in a transaction. Raises Refused if none can be read now."""
    _require_may_add_controls(claim, by)
    with set_aside(by, _read(files)) as read:
        yield read


def keep_controls(claim: Claim, by: User, read: Iterable[ReadPicture]) -> tuple[int, list[NotTaken]]:
    _require_may_add_controls(claim, by)
    taken, refused = 0, []
    for each in read:
        try:
            if each.picture is None:
                raise Refused(each.reason)
            _add_control(claim, by, each.picture, caption_of_name(each.name))
            taken += 1
        except Refused as refusal:
            refused.append(NotTaken(each.name, str(refusal)))
    if by.is_admin and taken:
        with transaction.atomic():
            record("claim.controls_added", by=by, target=claim, details={"controls": taken})
    return taken, refused


def _read(files: Iterable[Any]) -> Iterator[ReadPicture]:
    return read_pictures(files, most=MAX_CONTROLS, captioned=True)


def remove_control(claim: Claim, by: User, picture: ClaimPicture) -> None:
    require_claimant(claim, by)
    with transaction.atomic():
        _lock_draft(claim)
        _drop([picture])


def obstacles(claim: Claim) -> list[str]:
    """Say what a draft lacks. Empty when it can be submitted."""
    found = []
    counts = claim.counts()
    if not counts[PictureSort.WORK]:
        found.append("Choose at least one work.")
    if not claim.prompts:
        found.append("Give at least one prompt that may reproduce a work.")
    if not claim.rights.strip():
        found.append("State your rights to the works.")
    if counts[PictureSort.CONTROL] < MIN_CONTROLS and not claim.controls_by_market:
        found.append(
            f"Upload at least {MIN_CONTROLS} controls, there are {counts[PictureSort.CONTROL]}; or ask the market to choose them."
        )
    return found


def submit_claim(claim: Claim, by: User, notice: Notice) -> Claim:
    """Send a claim with its notice to the other party. If there are enough controls, ask for the evidence."""
    require_claimant(claim, by)
    with transaction.atomic():
        _lock_draft(claim)
        claim.refresh_from_db()
        if missing := obstacles(claim):
            raise Refused(" ".join(missing))
        notice.person = by
        notice.save(force_insert=True)
        if not claim.submit(by, notice):
            raise gone_on("claim")
        mails.submitted(claim)
        if claim.counts()[PictureSort.CONTROL] >= MIN_CONTROLS:
            begin_measuring(claim, by)
    return claim


def may_add_controls(claim: Claim, by: User) -> bool:
    if claim.is_draft:
        return by.pk == claim.claimant_id
    waits = claim.state == ClaimState.SUBMITTED and claim.controls_by_market and not claim.is_measuring
    return waits and is_neutral_admin(claim, by)


def _require_may_add_controls(claim: Claim, by: User) -> None:
    if not may_add_controls(claim, by):
        raise Refused("Controls are added to a draft, or by an admin to a claim whose artist has none.")


def _lock_draft(claim: Claim) -> None:
    """Lock the draft, so that what is submitted is what was checked."""
    if not Claim.objects.select_for_update().filter(pk=claim.pk, state=ClaimState.DRAFT).exists():
        raise Refused("The claim is no draft any more; its pictures stay.")


def _copy(claim: Claim, work: Work) -> ClaimPicture:
    with work.file.open("rb") as whole, work.thumbnail.open("rb") as small:
        return _keep(
            ClaimPicture(
                claim=claim,
                sort=PictureSort.WORK,
                work=work,
                caption=work.caption,
                file=ContentFile(whole.read(), name=f"work.{work.content_type.split('/')[-1]}"),
                thumbnail=ContentFile(small.read(), name="thumbnail.webp"),
                content_type=work.content_type,
                pixels_sha256=work.pixels_sha256,
                added_by=claim.claimant,
            )
        )


def _add_control(claim: Claim, by: User, picture: CleanPicture, caption: str) -> None:
    with transaction.atomic():
        # One after the other, so that the limit holds.
        locked = Claim.objects.select_for_update().get(pk=claim.pk)
        _require_may_add_controls(locked, by)
        if locked.counts()[PictureSort.CONTROL] >= MAX_CONTROLS:
            raise Refused(f"A claim has at most {MAX_CONTROLS} controls.")
        _keep(
            ClaimPicture(
                claim=claim,
                sort=PictureSort.CONTROL,
                caption=caption,
                file=ContentFile(picture.data, name=f"control.{picture.extension}"),
                thumbnail=ContentFile(picture.thumbnail, name="thumbnail.webp"),
                content_type=picture.content_type,
                pixels_sha256=picture.pixels_sha256,
                added_by=by,
            )
        )


def _keep(picture: ClaimPicture) -> ClaimPicture:
    try:
        with transaction.atomic():
            picture.save(force_insert=True)
    except BaseException as error:
        _forget(picture)
        if isinstance(error, IntegrityError) and "claims_claimpicture_once_a_claim" in str(error):
            raise Refused(
                f"“{picture}” is in the claim already: a picture is a work or a control, once."
            ) from None
        raise
    return picture


def _drop(pictures: Iterable[ClaimPicture]) -> None:
    """Delete pictures of a draft, their files last."""
    for picture in list(pictures):
        ClaimPicture.objects.filter(pk=picture.pk).delete()
        transaction.on_commit(partial(_forget, picture))


def _forget(picture: ClaimPicture) -> None:
    for file in picture.files():
        forget_file(file)
