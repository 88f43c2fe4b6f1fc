"""Check the whole ledger from its entries up, in one snapshot, trusting no stored figure.

Each check is a query for rows that should not exist. The triggers make such rows impossible. These checks prove that they did,
and find changes made around them.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from market.ledger.seal_verification import SEAL_CHECKS, wrong_seals

SHOWN = 20

GUARDS = {
    "ledger_account": ("ledger_account_append_only", "ledger_account_opened"),
    "ledger_payerbalance": ("ledger_payerbalance_by_trigger", "ledger_payerbalance_no_truncate"),
    "ledger_transfer": ("ledger_transfer_append_only", "ledger_transfer_balances"),
    "ledger_entry": ("ledger_entry_append_only", "ledger_entry_written"),
    "ledger_hold": ("ledger_hold_append_only", "ledger_hold_made"),
    "ledger_holdresolution": ("ledger_holdresolution_append_only", "ledger_holdresolution_resolves"),
    "ledger_pendinghold": ("ledger_pendinghold_by_trigger", "ledger_pendinghold_no_truncate"),
    "ledger_leaf": ("ledger_leaf_append_only", "ledger_leaf_rolled_up"),
    "ledger_subtree": ("ledger_subtree_append_only",),
    "ledger_treehead": ("ledger_treehead_append_only",),
    "ledger_rollup": ("ledger_rollup_by_trigger", "ledger_rollup_no_truncate"),
    "ledger_closedperiod": ("ledger_closedperiod_append_only",),
}

CHECKS: dict[str, tuple[str, str]] = {
    "every transfer sums to zero and is complete": (
        "transfer {0}: {1} of {2} entries, sum {3}, credits {4} of {5}",
        """
        SELECT t.id, count(e.id), t.entry_count, COALESCE(sum(e.amount), 0),
               COALESCE(sum(e.amount) FILTER (WHERE e.amount > 0), 0), t.amount
          FROM ledger_transfer t LEFT JOIN ledger_entry e ON e.transfer_id = t.id
         GROUP BY t.id
        HAVING count(e.id) <> t.entry_count OR COALESCE(sum(e.amount), 0) <> 0
            OR COALESCE(sum(e.amount) FILTER (WHERE e.amount > 0), 0) <> t.amount
        """,
    ),
    "every entry has its transfer, an account and one currency": (
        "entry {0}: transfer {1} ({2}), account {3} ({4})",
        """
        SELECT e.id, e.transfer_id, t.currency, e.account_id, a.currency
          FROM ledger_entry e
          LEFT JOIN ledger_transfer t ON t.id = e.transfer_id
          LEFT JOIN ledger_account a ON a.id = e.account_id
         WHERE t.id IS NULL OR a.id IS NULL OR a.currency <> t.currency OR e.created_at <> t.created_at
        """,
    ),
    "every kept balance is the sum of its entries": (
        "account {0}: {1} kept, entries sum to {2}",
        """
        SELECT a.id, b.posted, COALESCE(s.total, 0)
          FROM ledger_account a
          LEFT JOIN ledger_payerbalance b ON b.account_id = a.id
          LEFT JOIN (SELECT account_id, sum(amount) AS total FROM ledger_entry GROUP BY account_id) s
            ON s.account_id = a.id
         WHERE b.posted IS DISTINCT FROM CASE WHEN a.kind IN ('wallet', 'promotion') THEN COALESCE(s.total, 0) END
        """,
    ),
    "every held sum is that of its pending holds": (
        "account {0}: {1} kept as held, pending holds sum to {2}",
        """
        SELECT b.account_id, b.held, COALESCE(s.total, 0)
          FROM ledger_payerbalance b
          LEFT JOIN (SELECT h.payer_id, sum(h.amount) AS total
                       FROM ledger_hold h
                      WHERE NOT EXISTS (SELECT FROM ledger_holdresolution r WHERE r.hold_id = h.id)
                      GROUP BY h.payer_id) s ON s.payer_id = b.account_id
         WHERE b.held <> COALESCE(s.total, 0)
        """,
    ),
    "no payer is overspent": (
        "account {0}: posted {1}, held {2}",
        """
        SELECT account_id, posted, held FROM ledger_payerbalance WHERE posted < 0 OR held < 0 OR held > posted
        """,
    ),
    "holds without a resolution are exactly the pending ones": (
        "hold {0}: pending {1}, resolved {2}",
        """
        SELECT COALESCE(h.id, p.hold_id), p.hold_id IS NOT NULL, r.id IS NOT NULL
          FROM ledger_hold h
          FULL JOIN ledger_pendinghold p ON p.hold_id = h.id
          LEFT JOIN ledger_holdresolution r ON r.hold_id = h.id
         WHERE h.id IS NULL OR (p.hold_id IS NULL) = (r.id IS NULL) OR p.expires_at <> h.expires_at
        """,
    ),
    "the shares of a hold sum to it": (
        "hold {0}: over {1}, shares sum to {2}",
        """
        SELECT h.id, h.amount, s.total
          FROM ledger_hold h
         CROSS JOIN LATERAL (SELECT sum(amount) AS total
                               FROM jsonb_to_recordset(h.shares) AS x(amount bigint)) s
         WHERE s.total IS DISTINCT FROM h.amount
        """,
    ),
    "every resolution has its hold, and posts a capture or nothing": (
        "resolution {0} of hold {1}: {2}, transfer {3}",
        """
        SELECT r.id, r.hold_id, r.outcome, r.transfer_id
          FROM ledger_holdresolution r
          LEFT JOIN ledger_hold h ON h.id = r.hold_id
          LEFT JOIN ledger_transfer t ON t.id = r.transfer_id
         WHERE h.id IS NULL
            OR (r.outcome = 'posted' AND (t.id IS NULL OR t.kind <> 'capture' OR t.amount <> h.amount
                                          OR t.reference <> h.reference OR t.currency <> h.currency))
            OR (r.outcome <> 'posted' AND r.transfer_id IS NOT NULL)
        """,
    ),
    "every capture posts the terms of its hold": (
        "capture {0} does not match hold {1} at position {2}",
        """
        SELECT t.id, h.id, COALESCE(e.position, x.position)
          FROM ledger_transfer t
          LEFT JOIN ledger_holdresolution r ON r.transfer_id = t.id
          LEFT JOIN ledger_hold h ON h.id = r.hold_id
          LEFT JOIN LATERAL (
               SELECT 1::bigint AS position, h.payer_id AS account, -h.amount AS amount, 'charge' AS line,
                      '' AS subject
                UNION ALL
               SELECT 1 + row_number() OVER (ORDER BY s.n), (s.share->>'account')::bigint,
                      (s.share->>'amount')::bigint, s.share->>'line', COALESCE(s.share->>'subject', '')
                 FROM jsonb_array_elements(h.shares) WITH ORDINALITY AS s(share, n)
                WHERE (s.share->>'amount')::bigint > 0) x ON true
          LEFT JOIN ledger_entry e ON e.transfer_id = t.id AND e.position = x.position
         WHERE t.kind = 'capture'
           AND (h.id IS NULL
                OR (e.account_id, e.amount, e.line, e.subject)
                   IS DISTINCT FROM (x.account, x.amount, x.line::varchar, x.subject::varchar))
        """,
    ),
    "every reversal mirrors its transfer": (
        "reversal {0} of transfer {1} differs at position {2}",
        """
        SELECT t.id, t.reverses_id, COALESCE(ours.position, theirs.position)
          FROM ledger_transfer t
          JOIN ledger_entry theirs ON theirs.transfer_id = t.reverses_id
          LEFT JOIN ledger_entry ours ON ours.transfer_id = t.id AND ours.position = theirs.position
         WHERE ours.amount IS DISTINCT FROM -theirs.amount OR ours.account_id <> theirs.account_id
        """,
    ),
    "every sum by day or month is that of the sealed transfers": (
        "{0}, {1} of account {2}, {3} {4}: {5} over {6} transfers are kept, the entries give {7} over {8}",
        """
        SELECT day, sort, NULLIF(place, 0), line, subject, kept.amount, kept.transfers, found.amount, found.transfers
          FROM (SELECT *, COALESCE(account_id, 0) AS place FROM ledger_rollup) kept
          FULL JOIN (SELECT *, COALESCE(account_id, 0) AS place
                       FROM ledger_sums(ARRAY(SELECT transfer_id FROM ledger_leaf))) found
         USING (span, day, sort, currency, account_kind, place, line, subject)
         WHERE (kept.amount, kept.transfers, kept.captures)
               IS DISTINCT FROM (found.amount, found.transfers, found.captures)
        """,
    ),
    "every closed period is as it was closed": (
        "closed until {0}: {1} transfers, {2} now; {3}, now {4}",
        """
        SELECT c.until, c.transfers, t.n, c.balances, b.found
          FROM ledger_closedperiod c
         CROSS JOIN LATERAL (SELECT count(*) AS n FROM ledger_transfer WHERE created_at < c.until) t
         CROSS JOIN LATERAL (
               SELECT COALESCE(jsonb_object_agg(s.name, s.total), '{}') AS found
                 FROM (SELECT a.kind || ' ' || a.currency AS name, sum(e.amount) AS total
                         FROM ledger_entry e JOIN ledger_account a ON a.id = e.account_id
                        WHERE e.created_at < c.until GROUP BY 1) s) b
         WHERE (c.transfers, c.balances) IS DISTINCT FROM (t.n, b.found)
        """,
    ),
    "all money together is zero": (
        "{0}: the entries sum to {1}",
        """
        SELECT t.currency, sum(e.amount)
          FROM ledger_entry e JOIN ledger_transfer t ON t.id = e.transfer_id
         GROUP BY t.currency HAVING sum(e.amount) <> 0
        """,
    ),
}


@dataclass(frozen=True)
class Finding:
    """The result of one check: how many rows fail it, and the first of them in words."""

    check: str
    broken: int
    examples: list[str]


@dataclass(frozen=True)
class Verification:
    """A verification: what was checked and when, how much there was, and what is wrong."""

    at: datetime
    counts: dict[str, int]
    checks: list[str]
    findings: list[Finding] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        return not self.findings

    def as_json(self) -> dict[str, Any]:
        return {
            "ok": self.ok,
            "at": self.at.isoformat(),
            "counts": self.counts,
            "checks": self.checks,
            "findings": [asdict(finding) for finding in self.findings],
        }


def verify(progress: Callable[[str], None] | None = None) -> Verification:
    """Run every check in one read-only snapshot, so that money moving meanwhile is not taken for a fault."""
    findings = []
    with _snapshot(), connection.cursor() as cursor:
        counts = {}
        for name in ("account", "transfer", "entry", "hold", "holdresolution", "pendinghold", "leaf"):
            cursor.execute(f"SELECT count(*) FROM ledger_{name}")  # noqa: S608  # names from the line above
            counts[name] = int(cursor.fetchone()[0])
        for check, (template, sql) in CHECKS.items():
            if progress:
                progress(check)
            cursor.execute(sql)
            rows = cursor.fetchmany(SHOWN)
            if rows:
                broken = len(rows) + len(cursor.fetchall())
                findings.append(Finding(check, broken, [template.format(*row) for row in rows]))
        missing = _missing_guards(cursor)
        if progress:
            progress("the tree of sealed transfers")
        for check, said in wrong_seals().items():
            findings.append(Finding(check, len(said), said[:SHOWN]))
    guards = "the triggers that guard the tables are on"
    if missing:
        findings.append(Finding(guards, len(missing), missing))
    return Verification(
        at=timezone.now(), counts=counts, checks=[*CHECKS, *SEAL_CHECKS, guards], findings=findings
    )


@contextmanager
def _snapshot() -> Any:
    """Read one state of the database throughout. Inside a caller's transaction it is that transaction's state."""
    if connection.in_atomic_block:
        yield
        return
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        yield


def _missing_guards(cursor: Any) -> list[str]:
    cursor.execute(
        "SELECT tgrelid::regclass::text, tgname FROM pg_trigger WHERE tgenabled IN ('O', 'A') AND NOT tgisinternal"
    )
    present = {(table.rpartition(".")[2], name) for table, name in cursor.fetchall()}
    return [
        f"trigger {name} on {table} is missing or off"
        for table, names in GUARDS.items()
        for name in names
        if (table, name) not in present
    ]
