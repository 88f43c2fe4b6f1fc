"""Who paid whom, within some days: one row for each payer, receiver and kind of fee, summed up by the database.

Only what was captured and not reversed counts. It is read from the ledger; what was asked for comes from the requests, and former
prices from the catalogue. Nothing is looked at beyond the days that are asked for.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from django.db import connection
from django.db.models import QuerySet

from market.ledger.models import AccountKind, Entry, TransferKind
from market.ledger.queries import FEE_LINES

_TRADES = """
    WITH lines AS (
    SELECT line.amount, line.line, line.created_at,
           payer.owner_id AS payer, earner.owner_id AS receiver, payer.kind = 'promotion' AS promoted,
           request.id AS request,
           md5(concat_ws('|', request.release_id, request.prompt, request.negative_prompt, request.seed, request.steps,
                         request.guidance, request.width, request.height)) AS asked,
           -- At 0 it costs nothing, and below a tenth it hardly shows.
           used.weight <= 0.1 AS idle,
           request.steps * 3 <= base.default_steps AS hurried,
           -- Within a week the price rose by half: the lowest at which the plug-in was on offer, beside that of the moment.
           (SELECT min(past.micros) FROM catalog_pastpluginprice past
             WHERE past.plugin_id = plugin.id AND past.offered AND past.micros > 0
               AND past.until <= line.created_at AND past.until > line.created_at - interval '7 days') * 3
           <= 2 * coalesce((SELECT past.micros FROM catalog_pastpluginprice past
                             WHERE past.plugin_id = plugin.id AND past.until > line.created_at
                             ORDER BY past.until LIMIT 1), plugin.price_micros) AS jumped
      FROM ledger_account earner
      JOIN ledger_entry line ON line.account_id = earner.id AND line.created_at >= %(since)s AND line.line = ANY(%(fees)s)
      JOIN ledger_transfer transfer ON transfer.id = line.transfer_id AND transfer.kind = 'capture'
      JOIN ledger_entry charge ON charge.transfer_id = transfer.id AND charge.position = 1
      JOIN ledger_account payer ON payer.id = charge.account_id
      LEFT JOIN generation_generationrequest request
             ON request.id = CASE WHEN transfer.reference LIKE 'generation:%%' THEN substr(transfer.reference, 12)::uuid END
      LEFT JOIN basemodels_baserelease release ON release.id = request.release_id
      LEFT JOIN basemodels_basemodel base ON base.id = release.base_id
      LEFT JOIN catalog_pluginversion version
             ON version.id = CASE WHEN line.subject LIKE 'plugin-version:%%' THEN substr(line.subject, 16)::bigint END
      LEFT JOIN catalog_plugin plugin ON plugin.id = version.plugin_id
      LEFT JOIN generation_requestplugin used ON used.request_id = request.id AND used.version_id = version.id
     WHERE earner.kind = 'earnings' AND earner.currency = 'EUR' AND payer.owner_id <> earner.owner_id
       AND NOT EXISTS (SELECT FROM ledger_transfer back WHERE back.reverses_id = transfer.id)
    )
    SELECT payer, receiver, line, sum(amount)::bigint, count(DISTINCT request),
           count(DISTINCT asked) FILTER (WHERE request IS NOT NULL),
           coalesce(sum(amount) FILTER (WHERE promoted), 0)::bigint,
           coalesce(sum(amount) FILTER (WHERE idle), 0)::bigint,
           coalesce(sum(amount) FILTER (WHERE hurried), 0)::bigint,
           coalesce(sum(amount) FILTER (WHERE jumped), 0)::bigint
      FROM lines GROUP BY payer, receiver, line ORDER BY payer, receiver, line
"""


@dataclass(frozen=True)
class Trade:
    """What one account paid another for one kind of fee. Amounts are what the receiver got, in micro-euros.

    requests: how many requests paid it.
    different: how many of them asked for something that no other of them asked for.
    promoted, idle, hurried, jumped: the part of the amount that was paid so. `signs` says what it means.
    """

    payer: int
    receiver: int
    line: str
    amount: int
    requests: int
    different: int
    promoted: int = 0
    idle: int = 0
    hurried: int = 0
    jumped: int = 0


def trades_since(since: datetime) -> list[Trade]:
    """Sum up all trade since a moment."""
    with connection.cursor() as cursor:
        cursor.execute(_TRADES, {"since": since, "fees": list(FEE_LINES)})
        return [Trade(*row) for row in cursor.fetchall()]


def entries_of(receiver: int, payers: Collection[int], line: str, since: datetime) -> QuerySet[Entry]:
    """Give the lines of the ledger that some payers' trade with a receiver consists of."""
    return Entry.objects.filter(
        account__owner=receiver,
        account__kind=AccountKind.EARNINGS,
        account__currency="EUR",
        line=line,
        created_at__gte=since,
        transfer__kind=TransferKind.CAPTURE,
        transfer__reversed_by=None,
        transfer__entries__position=1,
        transfer__entries__account__owner__in=payers,
    )
