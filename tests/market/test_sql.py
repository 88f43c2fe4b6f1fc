from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

import pytest
from django.db import connection
from django.db.migrations.loader import MigrationLoader

from market.configuration import ROOT
from market.sql import LoadSql, folder

FILES = sorted(ROOT.glob("market/*/sql/*.sql"))

# Without what extensions bring, and what Django makes of constraints. Of rights only everybody's: a deployment, and other tests,
# give the application's role its own (manage.py ledger_role).
FUNCTIONS = """
    SELECT p.oid::regprocedure::text, pg_get_functiondef(p.oid) || COALESCE(
             (SELECT string_agg(a.privilege_type, ',' ORDER BY a.privilege_type)
                FROM aclexplode(COALESCE(p.proacl, acldefault('f', p.proowner))) a WHERE a.grantee = 0), '')
      FROM pg_proc p
     WHERE p.pronamespace = current_schema()::regnamespace
       AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')
"""
TRIGGERS = """
    SELECT tgname || ' on ' || tgrelid::regclass, pg_get_triggerdef(oid) || tgenabled::text FROM pg_trigger WHERE NOT tgisinternal
"""
VIEWS = """
    SELECT oid::regclass::text, pg_get_viewdef(oid) FROM pg_class
     WHERE relkind = 'v' AND relnamespace = current_schema()::regnamespace
"""


def rows(query: str) -> dict[str, str]:
    with connection.cursor() as cursor:
        cursor.execute(query)
        return dict(cursor.fetchall())


def definitions() -> dict[str, str]:
    return rows(FUNCTIONS) | rows(TRIGGERS) | rows(VIEWS)


def loads() -> Iterator[tuple[str, LoadSql]]:
    """Give what the migrations load, with the app's label, in the order in which they are applied."""
    graph = MigrationLoader(None).graph
    for key in dict.fromkeys(key for leaf in sorted(graph.leaf_nodes()) for key in graph.forwards_plan(leaf)):
        for operation in graph.nodes[key].operations:
            if isinstance(operation, LoadSql):
                yield key[0], operation


def load_all() -> None:
    with connection.schema_editor() as editor:
        for app, operation in loads():
            operation.database_forwards(app, editor, None, None)


def unlike_the_files() -> set[str]:
    """Name what is in the database and not in the files, or the other way round, or differs."""
    found = definitions()
    with connection.cursor() as cursor:
        cursor.execute(f"DROP VIEW {', '.join(rows(VIEWS))} CASCADE")
        cursor.execute(f"DROP FUNCTION {', '.join(rows(FUNCTIONS))} CASCADE")
    load_all()
    made = definitions()
    return {name for name in found | made if found.get(name) != made.get(name)}


def test_the_database_has_the_functions_triggers_and_views_of_the_files(db: None) -> None:
    assert definitions()
    assert unlike_the_files() == set()


@pytest.mark.parametrize(
    ("by_hand", "name"),
    [
        ("CREATE OR REPLACE FUNCTION ledger_unsealed() RETURNS bigint[] LANGUAGE sql AS 'SELECT NULL::bigint[]'", "ledger_unsealed()"),
        ("CREATE FUNCTION jobs_without_a_file() RETURNS void LANGUAGE sql AS 'SELECT'", "jobs_without_a_file()"),
        ("GRANT EXECUTE ON FUNCTION ledger_expire TO PUBLIC", "ledger_expire(bigint)"),
        ("DROP TRIGGER audit_auditline_stamp ON audit_auditline", "audit_auditline_stamp on audit_auditline"),
        ("ALTER TABLE audit_auditline DISABLE TRIGGER audit_auditline_stamp", "audit_auditline_stamp on audit_auditline"),
        ("CREATE OR REPLACE VIEW catalog_barredversion AS SELECT 1::bigint AS version_id", "catalog_barredversion"),
    ],
)  # fmt: skip
def test_what_the_files_do_not_say_is_found(db: None, by_hand: str, name: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(by_hand)

    assert unlike_the_files() == {name}


def test_files_can_be_loaded_again(db: None) -> None:
    before = definitions()

    load_all()

    assert definitions() == before


def test_each_file_is_named_by_one_migration() -> None:
    named = Counter(folder(app) / f"{name}.sql" for app, operation in loads() for name in operation.names)

    assert named == Counter(FILES)


def test_a_file_has_one_function_or_view_of_its_name_and_says_what_it_is_for() -> None:
    for path in FILES:
        text = path.read_text()
        made = re.findall(r"^CREATE OR REPLACE (?:FUNCTION|VIEW) (\w+)", text, re.MULTILINE)
        # A trigger whose function is another app's has a file of its own.
        triggers = re.findall(r"^CREATE (?:OR REPLACE|CONSTRAINT) TRIGGER (\w+)", text, re.MULTILINE)
        assert (made or triggers) == [path.stem], path
        assert text.startswith("-- "), path
