"""The ASGI application that uvicorn serves."""

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "market.settings")
django.setup(set_prefix=False)

# What it imports needs settings.
from market.turns import TakingTurns  # noqa: E402

application = TakingTurns()
