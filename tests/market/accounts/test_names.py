"""A name that others are shown neither hides anything nor passes for another's."""

from __future__ import annotations

import pytest
from django.core.exceptions import ValidationError
from django.test import Client
from django.urls import reverse

from market.accounts.models import User
from market.accounts.names import readable


@pytest.mark.parametrize(
    "name",
    ["Ada Lovelace", "José Ñuñez", "Łukasz Żółw", "Ἀριστοτέλης", "Анна Каренина", "山田 Taro", "さくら ハナ 花", "김 Minji",
     "محمد علي", "अनुष्का शर्मा", "ณัฐพล", "O'Brien & Sons", "Studio 42", "Müller-Lüdenscheidt", "ተስፋዬ", "Nguyễn Thị Minh"],
)  # fmt: skip
def test_names_of_many_languages_are_taken_as_they_are(name: str) -> None:
    assert readable(name) == name


@pytest.mark.parametrize(
    ("name", "plain"),
    [("  Ada   L. ", "Ada L."), ("\uff21da", "Ada"), ("\U0001d400da", "Ada"), ("Ada\u00a0L", "Ada L")],
)
def test_letters_in_disguise_become_plain_ones(name: str, plain: str) -> None:
    assert readable(name) == plain


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("\u0410da", "mixes letters"),  # a Cyrillic A
        ("\u0391da", "mixes letters"),  # a Greek one
        ("P\u0430ypal", "mixes letters"),
        ("\u13aada", "mixes letters"),  # Cherokee
        ("\u2c80da", "mixes letters"),  # Coptic, of the scripts that are not listed
        ("Ada\u200bL", "cannot be seen"),
        ("Ada\u202eevil", "cannot be seen"),
        ("Ada\u2066x", "cannot be seen"),
        ("Ada\u00adL", "cannot be seen"),
        ("Ada\U000e0041", "cannot be seen"),  # a tag of plane 14
        ("Ada\ufe0f", "cannot be seen"),
        ("Ada\u115f", "cannot be seen"),
        ("Ada\u2800L", "cannot be seen"),
        ("Ada\ufdd0", "cannot be seen"),  # a non-character
        ("Ada\ue000", "cannot be seen"),  # of private use
        ("A\u0301\u0301\u0301\u0301da", "more signs"),
        ("!!!", "at least one letter"),
        ("\u200b\u200b", "at least one letter"),
    ],
)
def test_what_hides_or_passes_for_another_is_refused_with_the_reason(name: str, said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        readable(name)


def test_neither_sign_up_nor_profile_takes_such_a_name(client: Client, user: User) -> None:
    form = {
        "email": "new@example.org",
        "password1": "correct horse battery",
        "display_name": "\u0410da Artist",
    }
    answer = client.post(reverse("account_signup"), form)
    assert "mixes letters of different scripts" in answer.content.decode()
    assert not User.objects.filter(email="new@example.org").exists()

    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    client.post(
        reverse("accounts:me"),
        {"display_name": "Uma\u202eUser", "handle": user.handle, "about": "", "country": ""},
    )
    user.refresh_from_db()
    assert user.display_name == "Uma User"
