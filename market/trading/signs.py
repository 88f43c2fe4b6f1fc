"""The signs that trade is not what it seems: what each is called, what it says, and how many points it counts.

No sign proves anything. A couple shares an address, friends buy from each other, and a newcomer spends what credit they were given.
So each counts some points, and only a sum is shown to an admin. docs/explanation/trade-likeness.md has the table.
"""

from __future__ import annotations

from collections.abc import Collection

from django.db.models import TextChoices


class Sign(TextChoices):
    """What is noticed about the trade from one account to another."""

    CARD = "card", "A shared card"
    DEVICE = "device", "A shared device"
    ADDRESS = "address", "A shared address"
    ONE_HAND = "one_hand", "Several payers are one"
    RING = "ring", "Money that goes round"
    IDLE = "idle", "A plug-in that does next to nothing"
    SAME = "same", "The same picture again"
    HURRIED = "hurried", "Pictures nobody looks at"
    JUMPED = "jumped", "Bought after a jump of the price"
    CREDIT = "credit", "Paid with credit"
    LIVES_ON_CREDIT = "lives_on_credit", "Lives on credit"
    JOINED = "joined", "Accounts made together"
    ONLY_ONE = "only_one", "Buys from nobody else"
    MAINSTAY = "mainstay", "Most of the income"


POINTS = {
    Sign.CARD: 60,
    Sign.DEVICE: 40,
    Sign.ADDRESS: 25,
    Sign.ONE_HAND: 45,
    Sign.RING: 45,
    Sign.IDLE: 45,
    Sign.SAME: 35,
    Sign.HURRIED: 25,
    Sign.JUMPED: 25,
    Sign.CREDIT: 15,
    Sign.LIVES_ON_CREDIT: 15,
    Sign.JOINED: 15,
    Sign.ONLY_ONE: 10,
    Sign.MAINSTAY: 15,
}

WORDS = {
    Sign.CARD: "{payer} and {person} paid with the same card.",
    Sign.DEVICE: "{payer} and {person} signed in with the same device.",
    Sign.ADDRESS: "{payer} and {person} signed in from the same address.",
    Sign.ONE_HAND: "{payer} shares a card, a device or an address with at least two others who buy from {person} alone.",
    Sign.RING: "{payer} and {person} are in a ring of accounts that pay mostly each other.",
    Sign.IDLE: "{payer} paid for plug-ins at a weight of 0.1 or less, where they do next to nothing.",
    Sign.SAME: "{payer} asked again and again for a picture that they had already.",
    Sign.HURRIED: "{payer} asked for pictures with so few steps that little can be seen on them.",
    Sign.JUMPED: "{payer} bought soon after {person} had raised the price by half or more.",
    Sign.CREDIT: "{payer} paid mostly with promotional credit.",
    Sign.LIVES_ON_CREDIT: "Most of what {person} earned is promotional credit of people who buy from nobody else.",
    Sign.JOINED: "{payer} joined within a day of at least two others who buy from {person} alone.",
    Sign.ONLY_ONE: "{payer} spends nearly everything on {person}.",
    Sign.MAINSTAY: "{payer} paid more than half of what {person} earned.",
}


def points_of(signs: Collection[Sign]) -> int:
    """Add the points of the signs between two accounts."""
    return sum(POINTS[sign] for sign in signs)
