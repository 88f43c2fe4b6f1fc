from __future__ import annotations

import re
import stat
from pathlib import Path

import pytest
from allauth.account.models import EmailAddress
from django.core.management import call_command
from django.test import Client

from market.accounts.models import User
from market.basemodels.models import BaseModel
from market.catalog.models import PlugIn
from market.claims.measuring import MIN_CONTROLS
from market.ledger.models import AccountKind
from market.ledger.operations import account, balance
from market.seeding import seed
from market.seeding.plugins import seed_plugins
from market.seeding.works import NoWorks, claimed_work_sets, shipped_work_sets

PASSWORD = "demo-123abc-456def"


def test_seeding_twice_leaves_the_same_people_with_the_same_money(db: None) -> None:
    first = seed.seed_people(PASSWORD)
    second = seed.seed_people("another-password")

    assert [person.pk for person in first] == [person.pk for person in second]
    user = User.objects.get(email="user@example.org")
    assert user.check_password(PASSWORD)
    assert balance(account(AccountKind.WALLET, user)).available == seed.USER_BALANCE


def test_demo_people_can_sign_in_at_once(db: None, client: Client) -> None:
    seed.seed_people(PASSWORD)

    assert EmailAddress.objects.filter(verified=True).count() == len(seed.PEOPLE)
    answer = client.post("/accounts/login/", {"login": "artist@example.org", "password": PASSWORD})
    assert answer.status_code == 302
    assert client.get("/desk/").status_code == 200


def test_each_of_them_holds_the_roles_that_are_told(db: None) -> None:
    people = dict(zip(seed.PEOPLE, seed.seed_people(PASSWORD), strict=True))

    for told, person in people.items():
        assert all(person.has_role(role) for role in told.roles)
    assert [person.email for person in people.values() if person.is_admin] == ["admin@example.org"]


def test_only_a_first_start_is_seeded(db: None) -> None:
    User.objects.create_user("somebody@example.org", PASSWORD)

    call_command("seed_demo", "--first-start-only")

    assert not User.objects.filter(email="artist@example.org").exists()


def test_the_admin_signs_in_with_a_code_that_the_start_prints(
    db: None, client: Client, tmp_path: Path
) -> None:
    seed.seed_people(PASSWORD)
    text = seed.note_accounts(tmp_path / "demo-accounts.txt", PASSWORD)
    codes = re.findall(r"\b\d{8}\b", text.partition("second factor")[2])

    client.post("/accounts/login/", {"login": "admin@example.org", "password": PASSWORD})
    assert "_auth_user_id" not in client.session
    client.post("/accounts/2fa/authenticate/", {"code": codes[0]})

    assert client.get("/reports/").status_code == 200
    assert len(codes) == 10
    assert re.search(r"the key [A-Z2-7]{32}", text)


def test_the_password_is_kept_for_the_owner_of_the_data_directory_only(db: None, tmp_path: Path) -> None:
    kept = tmp_path / "demo-accounts.txt"

    text = seed.note_accounts(kept, PASSWORD)

    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert kept.read_text() == text
    assert all(person.email in text for person in seed.PEOPLE)
    assert PASSWORD in text


def test_passwords_differ_between_data_directories() -> None:
    assert seed.new_password() != seed.new_password()


def test_the_embedded_base_is_offered_and_belongs_to_the_model_owner(db: None) -> None:
    people = seed.seed_people(PASSWORD)

    base = seed.register_base(owner=people[seed.MODEL_OWNER])
    again = seed.register_base()

    assert base == again == BaseModel.objects.get()
    assert again is not None
    assert again.owner.email == "owner@example.org"


def test_the_shipped_works_are_complete_and_credited() -> None:
    sets = shipped_work_sets()

    assert sets[0].kind == "style"
    assert len(sets[0].works) == 24
    for one in sets:
        assert one.description
        assert all(work.file.is_file() and work.caption for work in one.works)


def test_a_listing_that_lacks_its_pictures_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "style"
    folder.mkdir()
    (folder / "works.json").write_text(
        '{"name": "S", "kind": "style", "licence": "MIT", "attribution": "A",'
        ' "works": [{"file": "gone.png", "caption": "a fox"}]}'
    )

    with pytest.raises(NoWorks, match=r"gone\.png"):
        shipped_work_sets(tmp_path)
    with pytest.raises(NoWorks, match="no works"):
        shipped_work_sets(tmp_path / "nowhere")


def test_the_claimed_works_come_with_controls_enough_for_evidence(tmp_path: Path) -> None:
    works, controls = claimed_work_sets()

    assert (works.name, works.kind) == (controls.name, controls.kind) == ("Noto", "style")
    assert len(controls.works) >= MIN_CONTROLS
    assert not {work.caption for work in works.works} & {work.caption for work in controls.works}
    assert works.prompt == works.works[0].caption
    with pytest.raises(NoWorks, match="controls"):
        claimed_work_sets(tmp_path)


def test_the_shipped_plugins_are_on_the_market_with_works_samples_and_price(db: None) -> None:
    people = seed.seed_people(PASSWORD)
    base = seed.register_base(owner=people[seed.MODEL_OWNER])
    assert base is not None

    made = seed_plugins(base, people[: seed.ARTISTS], PASSWORD)

    assert made
    for plugin in PlugIn.objects.published():
        assert plugin.price_micros > 0
        assert plugin.current_version is not None
        assert plugin.current_version.samples.exists()
        assert plugin.concept.works.exists()
    assert seed_plugins(base, people[: seed.ARTISTS], PASSWORD) == []


def test_a_style_is_sold_by_its_author_and_a_character_by_an_artist_of_the_demo(
    db: None, client: Client
) -> None:
    people = seed.seed_people(PASSWORD)
    base = seed.register_base(owner=people[seed.MODEL_OWNER])
    assert base is not None

    seed_plugins(base, people[: seed.ARTISTS], PASSWORD)

    sellers = {plugin.concept.name: plugin.owner for plugin in PlugIn.objects.published()}
    assert sellers["FxEmoji"].display_name == "Mozilla"
    assert sellers["Panda"] in people[: seed.ARTISTS]
    answer = client.post("/accounts/login/", {"login": sellers["FxEmoji"].email, "password": PASSWORD})
    assert answer.status_code == 302
