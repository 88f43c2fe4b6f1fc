"""What the table of people promises."""

import pytest
from django.db import IntegrityError, transaction

from market.accounts.models import Role, User


@pytest.mark.django_db
def test_an_address_is_one_person_in_any_case() -> None:
    User.objects.create_user("Ada@Example.org", display_name="Ada")

    with pytest.raises(IntegrityError), transaction.atomic():
        User.objects.create_user("aDA@example.ORG", display_name="Another")

    assert User.objects.get_by_natural_key("ADA@EXAMPLE.ORG").display_name == "Ada"


def test_the_database_refuses_an_address_with_capitals(artist: User) -> None:
    with pytest.raises(IntegrityError, match="accounts_user_email_lower_case"):
        User.objects.filter(pk=artist.pk).update(email="Ada@example.org")


def test_the_database_refuses_a_role_it_does_not_know(artist: User) -> None:
    with pytest.raises(IntegrityError, match="accounts_user_roles_known"):
        User.objects.filter(pk=artist.pk).update(roles=["user", "emperor"])


def test_everybody_stays_a_user(artist: User) -> None:
    with pytest.raises(IntegrityError, match="accounts_user_is_always_a_user"):
        User.objects.filter(pk=artist.pk).update(roles=["artist"])


def test_the_database_refuses_a_handle_that_is_no_address(artist: User) -> None:
    for handle in ["Ada", "-ada", "ada--b", "a b", ""]:
        with pytest.raises(IntegrityError, match="accounts_user_handle_shape"), transaction.atomic():
            User.objects.filter(pk=artist.pk).update(handle=handle)


@pytest.mark.django_db
def test_two_people_of_one_name_get_handles_of_their_own() -> None:
    handles = [
        User.objects.create_user(f"{number}@example.org", display_name="Ada Artist").handle
        for number in range(3)
    ]

    assert handles == ["ada-artist", "ada-artist-2", "ada-artist-3"]


@pytest.mark.django_db
def test_a_name_without_latin_letters_still_gets_a_handle() -> None:
    assert User.objects.create_user("x@example.org", display_name="あい").handle == "person"


def test_only_an_administrator_is_let_into_the_administration(admin: User, artist: User, user: User) -> None:
    assert admin.is_staff
    assert admin.has_perm("accounts.change_user")
    assert not any(person.is_staff or person.has_perm("accounts.change_user") for person in (artist, user))


def test_an_inactive_administrator_may_do_nothing(admin: User) -> None:
    admin.is_active = False

    assert not admin.has_perm("accounts.change_user")
    assert not admin.has_module_perms("accounts")


def test_people_are_found_by_role(artist: User, user: User, model_owner: User) -> None:
    assert list(User.objects.with_role(Role.ARTIST)) == [artist]
    assert set(User.objects.with_role(Role.USER)) >= {artist, user, model_owner}
