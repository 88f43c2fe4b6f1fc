"""Load the SQL of an app from its folder `sql/`: one file for each function, with its triggers, and for each view.

A file can be run again: it says CREATE OR REPLACE, and drops a constraint trigger before it creates it, since PostgreSQL cannot
replace one. Each file is named by one migration: how to change one is in CONTRIBUTING.md.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.apps import apps
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.exceptions import IrreversibleError
from django.db.migrations.operations.base import Operation

# Names inside a function must not resolve to a caller's temporary tables: SET search_path FROM CURRENT keeps this path.
OWN_PATH = "SELECT set_config('search_path', quote_ident(current_schema()) || ', pg_temp', true)"
USUAL_PATH = "SELECT set_config('search_path', reset_val, true) FROM pg_settings WHERE name = 'search_path'"


def folder(app_label: str) -> Path:
    return Path(apps.get_app_config(app_label).path) / "sql"


def check_rows_now(schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Do the checks that wait for the transaction's end: until then a table with changed rows cannot be altered."""
    schema_editor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    schema_editor.execute("SET CONSTRAINTS ALL DEFERRED")


class LoadSql(Operation):
    """Load files of the migration's own app, named without `.sql`, in the order given. What a file replaces is gone for good."""

    reduces_to_sql = True
    reversible = False

    def __init__(self, *names: str) -> None:
        self.names = names

    def state_forwards(self, app_label: str, state: Any) -> None:
        """Change no model."""

    def database_forwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: Any, to_state: Any
    ) -> None:
        files = [(folder(app_label) / f"{name}.sql").read_text() for name in self.names]
        for statements in (OWN_PATH, *files, USUAL_PATH):
            # Without parameters, so that a % is only a %.
            schema_editor.execute(statements, params=None)

    def database_backwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: Any, to_state: Any
    ) -> None:
        raise IrreversibleError("the SQL before these files is not kept")

    def describe(self) -> str:
        return f"Load {', '.join(self.names)}"
