"""Money that comes in (top-ups and their gateways' reports) and money that goes out (payouts and their batches)."""

from market.payments.models.charge_backs import ChargeBack, ChargeBackState, FrozenEarning
from market.payments.models.payouts import (
    BatchApproval,
    BatchState,
    Payout,
    PayoutBatch,
    PayoutDetails,
    PayoutState,
    Schedule,
)
from market.payments.models.top_ups import (
    CheckoutState,
    OfflineCheckout,
    OfflineNotification,
    TakenBackBy,
    TopUp,
    TopUpState,
    WebhookEvent,
)
from market.payments.models.traces import Trace, TraceSort
from market.payments.models.withholding import WithholdingRate

__all__ = [
    "BatchApproval",
    "BatchState",
    "ChargeBack",
    "ChargeBackState",
    "CheckoutState",
    "FrozenEarning",
    "OfflineCheckout",
    "OfflineNotification",
    "Payout",
    "PayoutBatch",
    "PayoutDetails",
    "PayoutState",
    "Schedule",
    "TakenBackBy",
    "TopUp",
    "TopUpState",
    "Trace",
    "TraceSort",
    "WebhookEvent",
    "WithholdingRate",
]
