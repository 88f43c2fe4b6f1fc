"""Gateways by which people top up."""

from __future__ import annotations

from market.configuration.parsing import stripe_key, url, words
from market.configuration.variable import Group, Variable

# Those that market.payments knows; it checks its own list against the setting.
GATEWAYS = frozenset({"test", "stripe"})

PAYMENTS = Group(
    "Payments",
    [
        Variable(
            "PAYMENT_GATEWAYS",
            "list",
            "Gateways offered for topping up, comma-separated: `test`, which works offline, and whose money is not real, and `stripe`.",
            words,
            default_doc="`test` when PUBLIC_URL is loopback, else none",
        ),
        Variable(
            "STRIPE_SECRET_KEY",
            "text",
            "The market's key at Stripe (`sk_…` or a restricted `rk_…`), for the gateway `stripe` and for payouts to accounts there.",
            stripe_key("sk_", "rk_"),
            secret=True,
        ),
        Variable(
            "STRIPE_WEBHOOK_SECRET",
            "text",
            "What Stripe signs its webhooks to the market with (`whsec_…`).",
            stripe_key("whsec_"),
            secret=True,
        ),
        Variable(
            "STRIPE_API_URL",
            "URL",
            "Where Stripe's API is; another address is for stand-ins, such as stripe-mock.",
            url("http", "https", optional=False),
            "https://api.stripe.com",
        ),
    ],
)
