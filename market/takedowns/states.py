"""Why something is taken down, the states of a takedown, and the steps it takes."""

from __future__ import annotations

from django.db import models


class Ground(models.TextChoices):
    CLAIM = "claim", "An accepted claim"
    NOTICE = "notice", "A notice that somebody's rights are infringed"
    COURT = "court", "A court's order"
    RULES = "rules", "The market's own rules"


WORDS: dict[str, str] = {
    Ground.CLAIM: "somebody claimed that it contains their work",
    Ground.NOTICE: "the market was notified that it may infringe somebody's rights",
    Ground.COURT: "a court ordered it",
    Ground.RULES: "the market is looking into whether it keeps to its rules",
}
"""What everybody reads. It tells that something was said or ordered, not that it is true."""

INFRINGING = (Ground.CLAIM.value, Ground.NOTICE.value, Ground.COURT.value)
COUNTERABLE = (Ground.CLAIM.value, Ground.NOTICE.value)
"""A court's order is answered in court. A takedown under the market's own rules is answered by writing to its admins."""


class TakedownState(models.TextChoices):
    IN_FORCE = "in_force", "Taken down"
    COUNTERED = "countered", "Counter-notice sent"
    IN_COURT = "in_court", "In court"
    RESTORED = "restored", "Restored"


class StepKind(models.TextChoices):
    TAKEN_DOWN = "taken_down", "Taken down"
    PICTURES_HIDDEN = "pictures_hidden", "Its pictures hidden, too"
    COUNTERED = "countered", "Counter-notice sent"
    IN_COURT = "in_court", "Action in court reported"
    UPHELD = "upheld", "Upheld"
    STRIKE = "strike", "Counted as a strike"
    RESTORED = "restored", "Restored"
    STRIKE_WITHDRAWN = "strike_withdrawn", "Strike withdrawn"
