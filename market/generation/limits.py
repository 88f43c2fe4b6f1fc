"""What a request may ask for. The form, the use case and the tables' constraints all read it here."""

from datetime import timedelta

MAX_PROMPT = 500
MAX_PLUGINS = 4
MAX_WEIGHT = 1.5
MAX_PICTURES = 8
MAX_SEED = 2**32 - 1
STEPS = (1, 100)
GUIDANCE = (0.0, 30.0)
MAX_WAITING = 10
"""How many unfinished requests one person may have, so that nobody fills the queue alone."""
QUOTE_HOLDS = timedelta(minutes=10)
"""How long a price that was shown is still charged after it rose."""
CHANGES_LOOKED_AT = 20
"""Prices that changed more often in that time are shown anew."""
EXPIRES_AFTER_HOURS = 24
"""A request nobody could do in this time is given up and its money released."""
