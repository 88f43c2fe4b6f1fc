"""What a request may ask for. The form, the use case and the tables' constraints all read it here."""

from datetime import timedelta

MAX_PROMPT = 500
MAX_PLUGINS = 4
MAX_WEIGHT = 1.5
MAX_PICTURES = 8
MAX_SEED = 2**32 - 1
MAX_SIDE = 4096
STEPS = (1, 100)
GUIDANCE = (0.0, 30.0)
STEPS_INCLUDED = 50
"""A base's fee is for up to so many steps. More cost more of it."""
MAX_WAITING = 10
"""The most unfinished requests of one person, so that nobody fills the queue alone."""
QUOTE_HOLDS = timedelta(minutes=10)
"""How long a shown price is still charged after the price rose."""
CHANGES_LOOKED_AT = 20
"""If prices changed more often than this in that time, the price is shown again."""
MAX_APPEALS = 10
"""The most appeals of one person that are not decided yet."""
EXPIRES_AFTER_HOURS = 24
"""A request that no worker did in this time is given up, and its money released."""
