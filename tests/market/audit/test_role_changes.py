"""No role is given or taken without a line: not by a page, not by a command, not by a program that forgets it."""

from __future__ import annotations

import io
import json
from collections.abc import Callable

import pytest
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction
from django.test import Client

from market.accounts.models import Role, User
from market.accounts.roles import grant, take_on
from market.accounts.terms import TERMS
from market.seeding.seed import seed_people
from tests.market.audit.conftest import Written

SignIn = Callable[[User], Client]
pytestmark = pytest.mark.django_db


def at_commit() -> None:
    """Let the database check now what it checks when a transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")


def test_an_account_made_with_a_role_has_a_line(written: Written) -> None:
    boss = User.objects.create_user("boss@example.org", roles=[Role.ADMIN])

    (line,) = written("person.roles_changed")
    assert line.target == f"person:{boss.pk}"
    assert line.changes == {"roles": {"before": [], "after": ["user", "admin"]}}
    assert (line.person, line.acting_as) == (None, "system")
    at_commit()


def test_the_command_that_makes_an_admin_has_a_line(written: Written) -> None:
    call_command(
        "createsuperuser",
        email="boss@example.org",
        display_name="Boss",
        interactive=False,
        stdout=io.StringIO(),
    )

    (line,) = written("person.roles_changed")
    assert line.label == "Boss"
    at_commit()


def test_the_demos_people_have_lines(written: Written) -> None:
    seed_people("a password for all")

    assert [line.label for line in written("person.roles_changed", acting_as="system")] == ["Adele Admin"]
    at_commit()


def test_a_user_gets_no_line_for_signing_up(client: Client, written: Written) -> None:
    form = {"display_name": "Nia New", "email": "nia@example.org", "password1": "a-long-enough-password"}
    client.post("/accounts/signup/", form)

    assert User.objects.filter(email="nia@example.org").exists()
    assert written() == []
    at_commit()


def test_a_role_taken_on_is_recorded_with_the_person_and_where_they_were(
    user: User, client_for: SignIn, written: Written
) -> None:
    form = {"version": TERMS[Role.ARTIST].version, "accept": "on"}
    client_for(user).post("/me/roles/artist/", form, REMOTE_ADDR="198.51.100.7")

    (line,) = written("person.roles_changed")
    assert (line.person, line.acting_as, line.address) == (user, "person", "198.51.100.7")
    assert line.changes == {"roles": {"before": ["user"], "after": ["user", "artist"]}}
    at_commit()


def test_a_role_that_somebody_has_already_gives_no_further_line(user: User, written: Written) -> None:
    take_on(user, Role.ARTIST)
    take_on(user, Role.ARTIST)

    assert len(written("person.roles_changed")) == 1


def test_a_role_given_by_an_admin_names_the_admin(user: User, admin: User, written: Written) -> None:
    grant(user, Role.MODEL_OWNER, by=admin)

    (line,) = written("person.roles_changed", target=f"person:{user.pk}")
    assert (line.person, line.acting_as) == (admin, "admin")


def test_an_admin_named_in_the_administration_has_a_line(
    user: User, admin: User, client_for: SignIn, written: Written
) -> None:
    client_for(admin).post(
        f"/admin/accounts/user/{user.pk}/change/",
        {
            "email": user.email, "display_name": user.display_name, "handle": user.handle, "about": "",
            "roles": ["user", "admin"], "is_active": "on", "role_acceptances-TOTAL_FORMS": 0,
            "role_acceptances-INITIAL_FORMS": 0,
        },
        REMOTE_ADDR="198.51.100.7",
    )  # fmt: skip

    user.refresh_from_db()
    assert user.is_admin
    (line,) = written("admin.changed")
    assert line.target == f"person:{user.pk}"
    assert line.changes == {"roles": {"before": ["user"], "after": ["user", "admin"]}}
    assert (line.person, line.acting_as, line.address) == (admin, "admin", "198.51.100.7")
    at_commit()


def refused(change: Callable[[], object]) -> None:
    def change_and_commit() -> None:
        change()
        at_commit()

    at_commit()
    with pytest.raises(IntegrityError, match="audit_roles_have_their_line"), transaction.atomic():
        change_and_commit()


def test_the_database_refuses_a_role_that_came_without_a_line(user: User, admin: User) -> None:
    people = User.objects
    refused(lambda: people.filter(pk=user.pk).update(roles=["user", "admin"]))
    refused(lambda: people.filter(pk=admin.pk).update(roles=["user"]))
    refused(User(email="sly@example.org", display_name="Sly", roles=["user", "admin"]).save)


def test_the_database_refuses_a_role_of_which_the_line_does_not_speak(user: User) -> None:
    grant(user, Role.ARTIST)
    refused(lambda: User.objects.filter(pk=user.pk).update(roles=["user", "admin"]))


def test_an_operator_changes_roles_in_sql_together_with_the_line(user: User, written: Written) -> None:
    details = {"reason": "locked out", "changes": {"roles": {"before": ["user"], "after": ["user", "admin"]}}}
    with connection.cursor() as cursor:
        cursor.execute("UPDATE accounts_user SET roles = '{user,admin}' WHERE id = %s", [user.pk])
        cursor.execute(
            "INSERT INTO audit_auditline (acting_as, action, target, label, details)"
            " VALUES ('system', 'person.roles_changed', %s, 'Uma', %s)",
            [f"person:{user.pk}", json.dumps(details)],
        )
    at_commit()

    (line,) = written("person.roles_changed")
    assert (line.acting_as, line.reason) == ("system", "locked out")


@pytest.mark.django_db(transaction=True)
def test_a_line_of_an_earlier_transaction_does_not_count(user: User) -> None:
    grant(user, Role.ARTIST)
    grant(user, Role.MODEL_OWNER)
    with pytest.raises(IntegrityError, match="audit_roles_have_their_line"):
        User.objects.filter(pk=user.pk).update(roles=["user", "artist"])

    user.refresh_from_db()
    assert user.is_model_owner
