"""`manage.py verify_ledger`: recompute the ledger from its entries. Exit with 1 if anything does not add up."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from market.ledger.verification import verify


class Command(BaseCommand):
    help = "Recompute every balance, sum and hold of the ledger from its entries. Exits 1 when one is wrong."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="write the result as JSON")

    def handle(self, *_args: Any, **options: Any) -> None:
        as_json: bool = options["json"]
        result = verify()
        if as_json:
            self.stdout.write(json.dumps(result.as_json(), indent=2))
        else:
            broken = {finding.check: finding for finding in result.findings}
            for check in result.checks:
                finding = broken.get(check)
                self.stdout.write(f"{'WRONG' if finding else 'ok   '}  {check}")
                for example in finding.examples if finding else []:
                    self.stdout.write(f"         {example}")
                if finding and finding.broken > len(finding.examples):
                    self.stdout.write(f"         and {finding.broken - len(finding.examples)} more")
            counts = ", ".join(f"{number} {name}" for name, number in result.counts.items())
            self.stdout.write(f"{'The ledger verifies.' if result.ok else 'THE LEDGER IS WRONG.'} ({counts})")
        if not result.ok:
            raise SystemExit(1)
