"""The terms that a person accepts with a role. A new wording needs a new version."""

from __future__ import annotations

from dataclasses import dataclass

from market.accounts.models import Role


@dataclass(frozen=True)
class Terms:
    role: Role
    version: str
    offer: str  # what the role is for, in one sentence
    text: str


ARTIST_TERMS = """\
You register concepts that are yours: a style or a character that you made, or whose rights you hold in writing.
Works you upload are used to make your plug-ins and to recognise copies of your works, for nothing else.
You set the licence and the price of every plug-in. Each picture made with it pays you that price less the market's \
commission, which is shown on every receipt.
You may withdraw a plug-in at any time. Pictures already made with it keep the licence they were made under.
You answer for the affirmations you give. If one proves false, the plug-in is taken down and unpaid earnings from it \
are returned."""

MODEL_OWNER_TERMS = """\
You register base models that are yours to offer, and state truthfully what they were trained on.
Each picture generated with your model pays you the fee you set, less the market's commission.
You take part in settling artists' claims: when a claim is upheld, you let the concept be removed from the model or \
take the model from the market.
You may take a model from the market at any time. Pictures already made with it stay with their owners."""

TERMS: dict[Role, Terms] = {
    Role.ARTIST: Terms(
        Role.ARTIST,
        "2026-01",
        "Offer your style or your characters as plug-ins, and be paid for every picture made with them.",
        ARTIST_TERMS,
    ),
    Role.MODEL_OWNER: Terms(
        Role.MODEL_OWNER,
        "2026-01",
        "Offer a base model, and be paid for every picture generated with it.",
        MODEL_OWNER_TERMS,
    ),
}
