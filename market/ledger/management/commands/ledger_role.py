"""`manage.py ledger_role NAME`: give a database role what the application needs, but no right to rewrite the ledger."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import Error, connection, transaction
from psycopg import sql

from market.ledger.verification import GUARDS

AUDIT_LOG = "audit_auditline"
FUNCTIONS = (
    "ledger_open_account",
    "ledger_post",
    "ledger_reverse",
    "ledger_hold",
    "ledger_capture",
    "ledger_void",
    "ledger_expire",
    "ledger_seal",
    "ledger_close_period",
)


class Command(BaseCommand):
    help = (
        "Let a role run the application without being able to write the ledger's tables: it may read them and call "
        "the functions that move money. The audit log it may read and add to. Run it as the tables' owner after every "
        "migration, and connect the application as that role."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("role", help="an existing database role, or one to create with --create")
        parser.add_argument(
            "--create", action="store_true", help="create it first, without the right to log in"
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        role: str = options["role"]
        try:
            with transaction.atomic():
                if options["create"]:
                    self._run("CREATE ROLE {} NOLOGIN", role)
                grant(role)
        except Error as error:
            raise CommandError(f"The rights of {role} were not changed: {error}") from error
        self.stdout.write(
            f"{role} can run the application, and can write the ledger through its functions only."
        )

    def _run(self, statement: str, role: str) -> None:
        with connection.cursor() as cursor:
            cursor.execute(sql.SQL(statement).format(sql.Identifier(role)))


def grant(role: str) -> None:
    """Grant and revoke. Safe to repeat."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_schema()")
        schema = sql.Identifier(cursor.fetchone()[0])
        who = sql.Identifier(role)
        everything = sql.SQL(
            "GRANT USAGE ON SCHEMA {schema} TO {who};"
            "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO {who};"
            "GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA {schema} TO {who};"
        ).format(schema=schema, who=who)
        tables = sql.SQL(", ").join(map(sql.Identifier, GUARDS))
        ledger = sql.SQL(
            "REVOKE ALL ON {tables} FROM {who}; GRANT SELECT ON {tables} TO {who};"
            "GRANT EXECUTE ON FUNCTION {functions} TO {who};"
        ).format(tables=tables, functions=sql.SQL(", ").join(map(sql.Identifier, FUNCTIONS)), who=who)
        log = sql.SQL("REVOKE ALL ON {log} FROM {who}; GRANT SELECT, INSERT ON {log} TO {who};").format(
            log=sql.Identifier(AUDIT_LOG), who=who
        )
        for statement in (everything, ledger, log):
            cursor.execute(statement)
