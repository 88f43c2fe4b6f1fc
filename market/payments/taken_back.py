"""How an admin decides about a top-up that was taken back or charged back: who bears it, and that the payer may go on."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone

from market.accounts.models import User
from market.accounts.roles import require_admin
from market.audit.recording import record
from market.ledger import operations as ledger
from market.ledger.models import AccountKind, TransferKind
from market.ledger.money import formatted
from market.payments.charge_backs import borne, follow, release, take
from market.payments.models import ChargeBack, ChargeBackState, TopUp, TopUpState
from market.refusals import Refused

OUTCOMES = {
    ChargeBackState.RELEASED: "top_up.borne",
    ChargeBackState.GIVEN_BACK: "top_up.given_back",
    ChargeBackState.WON: "top_up.won",
}
"""The possible decisions, and the audit log's name for each."""


def bear(top_up: TopUp, admin: User, reason: str) -> None:
    """Decide that the market's revenue bears what was taken back. Wallet and receivers keep what they have. Raises Refused."""
    decide(top_up, admin, ChargeBackState.RELEASED, reason)


def decide(top_up: TopUp, admin: User, outcome: ChargeBackState, reason: str) -> None:
    """Decide about what was taken back. If a charge-back stopped the payer, they may go on. Raises Refused.

    RELEASED: the market pays it, and nothing else moves.
    GIVEN_BACK: receivers pay what they have left of it, then the wallet pays what it has, and the market the rest.
    WON: the gateway has paid the market again, so nobody pays.
    """
    require_admin(admin)
    if top_up.person_id == admin.pk:
        raise Refused("Somebody else has to decide about your own top-up.")
    reason = reason.strip()[:200]
    if not reason:
        raise Refused("Say why the market bears it." if outcome == ChargeBackState.RELEASED else "Say why.")
    with transaction.atomic():
        before = TopUp.objects.select_for_update(of=("self",)).select_related("person").get(pk=top_up.pk)
        case = (
            ChargeBack.objects.select_for_update(of=("self",))
            .select_related("top_up")
            .filter(top_up=before, state=ChargeBackState.OPEN)
            .first()
        )
        owed = before.state == TopUpState.OWED and before.taken_back == top_up.taken_back
        if not owed and not (case and before.state == TopUpState.RETURNED):
            raise Refused("That is not possible any more: it was returned, decided or changed meanwhile.")
        if outcome != ChargeBackState.RELEASED and case is None:
            raise Refused("Nothing was charged back: the market bears it, or the wallet gives it back.")
        if case is not None:
            _end(case, admin, outcome, reason)
        if owed:
            _pay(before, admin, outcome, reason)
        elif outcome == ChargeBackState.WON:
            _credit_again(before, admin)
        after = TopUpState.WON if outcome == ChargeBackState.WON else TopUpState.BORNE
        if owed:
            TopUp.objects.filter(pk=before.pk).update(
                state=after,
                decision=reason,
                decided_by=admin,
                ask_at=None if outcome == ChargeBackState.WON else timezone.now(),
            )
        record(
            OUTCOMES[outcome],
            by=admin,
            target=before,
            reason=reason,
            changes={"state": (TopUpState.OWED, after)} if owed else None,
            details={"taken_back": formatted(before.taken_back), "person": str(before.person)},
        )


def _end(case: ChargeBack, admin: User, outcome: ChargeBackState, reason: str) -> None:
    follow(case)  # what came in since the last sweep
    if outcome == ChargeBackState.GIVEN_BACK:
        take(case, admin)
    else:
        release(
            case, "Not charged back any more" if outcome == ChargeBackState.WON else "Borne by the market"
        )
    ChargeBack.objects.filter(pk=case.pk).update(
        state=outcome, decided_at=timezone.now(), decided_by=admin, decision=reason
    )


def _pay(top_up: TopUp, admin: User, outcome: ChargeBackState, reason: str) -> None:
    """Pay the gateway what it has taken back and nobody has paid yet."""
    if outcome == ChargeBackState.WON:
        return
    wallet = ledger.account(AccountKind.WALLET, top_up.person, currency=top_up.currency)
    revenue = ledger.account(AccountKind.PLATFORM_REVENUE, currency=top_up.currency)
    owing = top_up.taken_back - borne(top_up)
    of_wallet = 0
    if outcome == ChargeBackState.GIVEN_BACK:
        of_wallet = max(0, min(owing, ledger.balance(wallet).available))
    for payer, name, amount in ((wallet, "wallet", of_wallet), (revenue, "borne", owing - of_wallet)):
        if amount > 0:
            ledger.post(
                key=f"top-up:{top_up.pk}:{name}:{top_up.taken_back}",
                debit=payer,
                credit=ledger.account(AccountKind.GATEWAY_CLEARING, currency=top_up.currency),
                amount=amount,
                kind=TransferKind.CHARGEBACK,
                reference=f"top-up:{top_up.pk}",
                subject=f"gateway:{top_up.gateway}",
                memo=reason,
                actor=admin,
            )


def _credit_again(top_up: TopUp, admin: User) -> None:
    """Return to the wallet what it gave back, since the gateway has paid again."""
    ledger.post(
        key=f"top-up:{top_up.pk}:again",
        debit=ledger.account(AccountKind.GATEWAY_CLEARING, currency=top_up.currency),
        credit=ledger.account(AccountKind.WALLET, top_up.person, currency=top_up.currency),
        amount=top_up.amount,
        kind=TransferKind.TOP_UP,
        subject=f"gateway:{top_up.gateway}",
        reference=f"top-up:{top_up.pk}",
        memo="Not charged back any more",
        actor=admin,
    )
