"""Taking on a role accepts its terms, and the acceptance is kept."""

from collections.abc import Callable

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.utils import DatabaseError
from django.test import Client
from django.urls import reverse

from market.accounts.models import Role, RoleAcceptance, User
from market.accounts.roles import RoleNotOffered, take_on
from market.accounts.terms import TERMS

SignIn = Callable[[User], Client]


def role_url(role: Role) -> str:
    return reverse("accounts:role", args=[role.value])


def test_accepting_the_terms_gives_the_role_and_keeps_text_version_time_and_person(
    user: User, client_for: SignIn
) -> None:
    response = client_for(user).post(
        role_url(Role.ARTIST), {"version": TERMS[Role.ARTIST].version, "accept": "on"}, follow=True
    )

    assert response.status_code == 200
    user.refresh_from_db()
    assert user.has_role(Role.ARTIST)
    acceptance = RoleAcceptance.objects.get(person=user)
    assert (acceptance.text, acceptance.text_version) == (TERMS[Role.ARTIST].text, TERMS[Role.ARTIST].version)
    assert acceptance.accepted_at is not None
    assert acceptance.ip_address == "127.0.0.1"


def test_without_the_tick_nothing_is_accepted_and_the_page_says_why(user: User, client_for: SignIn) -> None:
    response = client_for(user).post(role_url(Role.ARTIST), {"version": TERMS[Role.ARTIST].version})

    assert response.status_code == 422
    assert "Tick the box" in response.content.decode()
    user.refresh_from_db()
    assert not user.has_role(Role.ARTIST)
    assert not RoleAcceptance.objects.exists()


def test_terms_that_changed_while_reading_are_shown_again(user: User, client_for: SignIn) -> None:
    response = client_for(user).post(role_url(Role.ARTIST), {"version": "1999-01", "accept": "on"})

    assert "have changed" in response.content.decode()
    assert not RoleAcceptance.objects.exists()


def test_taking_on_a_role_twice_is_recorded_once(user: User) -> None:
    first = take_on(user, Role.MODEL_OWNER)
    again = take_on(user, Role.MODEL_OWNER)

    assert first == again
    assert user.roles == ["user", "model_owner"]


def test_a_person_can_hold_several_roles(user: User) -> None:
    take_on(user, Role.ARTIST)
    take_on(user, Role.MODEL_OWNER)

    user.refresh_from_db()
    assert user.roles == ["user", "artist", "model_owner"]


def test_nobody_makes_themselves_an_administrator(user: User, client_for: SignIn) -> None:
    with pytest.raises(RoleNotOffered):
        take_on(user, Role.ADMIN)

    assert client_for(user).get(role_url(Role.ADMIN)).status_code == 404
    assert client_for(user).post(role_url(Role.ADMIN), {"version": "x", "accept": "on"}).status_code == 404


def test_a_role_that_does_not_exist_is_not_found(user: User, client_for: SignIn) -> None:
    assert client_for(user).get("/me/roles/emperor/").status_code == 404


def test_the_record_of_an_acceptance_is_never_changed_or_deleted(user: User) -> None:
    acceptance = take_on(user, Role.ARTIST)

    with pytest.raises(DatabaseError, match="accounts_roleacceptance_is_immutable"), transaction.atomic():
        RoleAcceptance.objects.filter(pk=acceptance.pk).update(text="I promise nothing.")
    with (
        pytest.raises(DatabaseError, match="accounts_roleacceptance_is_immutable"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute("DELETE FROM accounts_roleacceptance")
    assert RoleAcceptance.objects.get() == acceptance


def test_the_database_refuses_an_acceptance_without_its_text_or_of_another_role(user: User) -> None:
    broken = [
        ("accounts_roleacceptance_text_kept", {"role": "artist", "text_version": "1", "text": ""}),
        ("accounts_roleacceptance_role_is_taken_on", {"role": "admin", "text_version": "1", "text": "x"}),
    ]
    for name, fields in broken:
        with pytest.raises(IntegrityError, match=name), transaction.atomic():
            RoleAcceptance.objects.create(person=user, **fields)


def test_a_page_for_artists_leads_a_user_to_the_terms(user: User, client_for: SignIn) -> None:
    response = client_for(user).get(reverse("catalog:desk"))

    assert response.status_code == 302
    assert response["Location"] == role_url(Role.ARTIST)
