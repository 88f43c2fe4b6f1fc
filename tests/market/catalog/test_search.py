"""The search for plug-ins: words, spellings and meanings, and what it never shows."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, transaction
from django.test import Client

from market.accounts.models import User
from market.catalog.meaning import make_missing_vectors
from market.catalog.models import Concept, ConceptVector, PlugIn, Popularity
from market.catalog.naming import describe_concept
from market.catalog.searching import MOST_TYPED, search
from tests.market.catalog.conftest import MakePlugIn

HOSTILE = [
    "", " ", "\x00", "fox\x00", "\ud800", "'", '"', '"unbalanced', "' OR 1=1 --", "a & | ! ( ) <-> :*", "-", "--", "-fox", "or", "or or or",
    "%", "%s", "%(words)s", "{offered}", "_", "\\", "''::vector", "[1,2,3]", "🦊" * 50, "x" * 10_000, "fox " * 5_000, "a " * 400, "漢字",
    "; DROP TABLE catalog_concept", "\u202e", "\n\t",
]  # fmt: skip


@pytest.fixture
def three(make_plugin: MakePlugIn, second_artist: User) -> None:
    make_plugin("Riverink", concept={"description": "Inky foxes and herons in running water."})
    make_plugin(
        "Pip",
        concept={"kind": "character", "aliases": ["Teapot Mouse"], "description": "Lives in a teapot."},
    )
    make_plugin(
        "Nightbrush", artist=second_artist, concept={"description": "Watercolour landscapes in mist."}
    )
    make_missing_vectors()


def names(text: str) -> list[str]:
    return [each.name for each in search(PlugIn.objects.published(), text)]


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("Riverink", "Riverink"),
        ("rivrink", "Riverink"),  # a letter is missing
        ("teapto mouse", "Pip"),  # an alias, misspelt
        ("a rivrink picture of a castle", "Riverink"),  # a misspelt name among other words
        ("aquarelle scenery", "Nightbrush"),  # in other words
        ("stream with foxes", "Riverink"),
        ("Brush Berta", "Nightbrush"),  # an artist
        ("berta brsh", "Nightbrush"),
    ],
)
def test_what_was_meant_comes_first(three: None, text: str, first: str) -> None:
    assert names(text)[:1] == [first]


def test_what_nothing_is_like_finds_nothing(three: None) -> None:
    assert names("zebra") == []


def test_quotes_and_a_minus_ask_for_just_what_is_written(three: None) -> None:
    assert names('"running water"') == ["Riverink"]
    assert names('"water running"') == []
    assert names("lives -teapot") == []


@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_breaks_the_search(three: None, client: Client, text: str) -> None:
    names(text)

    assert client.get("/plugins/", {"q": text.encode("utf-8", "replace")}).status_code == 200


def test_only_the_beginning_of_a_long_text_is_looked_at(three: None) -> None:
    assert names("Riverink" + " " * MOST_TYPED + "zebra")[:1] == ["Riverink"]
    assert names("zebra " * (MOST_TYPED // 6 + 1) + "Riverink") == []


def test_nothing_is_found_beyond_what_the_search_is_given(three: None, second_artist: User) -> None:
    theirs = PlugIn.objects.filter(owner=second_artist)

    assert [each.name for each in search(theirs, "foxes and herons in running water")] in ([], ["Nightbrush"])
    assert not search(PlugIn.objects.none(), "Riverink").exists()


def test_no_way_of_searching_shows_what_is_not_published(
    three: None, make_plugin: MakePlugIn, second_artist: User
) -> None:
    make_plugin("Secretfold", published=False, concept={"description": "Zeppelins of brass."})
    make_plugin("Gonefold", artist=second_artist, concept={"description": "Zeppelins of tin."}).withdraw()
    make_missing_vectors()

    for text in ("Secretfold", "secretfld", "zeppelins of brass", "airships", "Gonefold", '"zeppelins"'):
        assert not {"Secretfold", "Gonefold"} & set(names(text))


def test_of_two_that_match_alike_the_one_that_people_use_comes_first(
    make_plugin: MakePlugIn, second_artist: User
) -> None:
    first = make_plugin("Alpha", concept={"description": "Zeppelins of brass."})
    second = make_plugin("Omega", artist=second_artist, concept={"description": "Zeppelins of brass."})
    for used, unused in ((first, second), (second, first)):
        Popularity.objects.all().delete()
        Popularity.objects.create(plugin=used, pictures=9, people=3, came_back=1)

        assert names("zeppelins") == [used.name, unused.name]


def test_popularity_alone_finds_nothing(three: None) -> None:
    Popularity.objects.create(
        plugin=PlugIn.objects.get(slug="pip"), pictures=9_000, people=900, came_back=500
    )

    assert names('"herons"') == ["Riverink"]


def test_a_popularity_that_does_not_add_up_is_refused(plugin: PlugIn) -> None:
    for counts in ({"pictures": 1, "people": 2}, {"pictures": 3, "people": 1, "came_back": 2}):
        with pytest.raises(IntegrityError, match="catalog_popularity_adds_up"), transaction.atomic():
            Popularity.objects.create(plugin=plugin, **counts)


def test_describing_a_concept_renews_its_vector_at_once(artist: User) -> None:
    concept = describe_concept(Concept(artist=artist), name="Riverink", kind="style", description="Foxes.")
    before = ConceptVector.objects.get(concept=concept).vector

    describe_concept(concept, description="Steam engines of brass.")

    assert ConceptVector.objects.get(concept=concept).vector != before
    assert sum(each**2 for each in before) == pytest.approx(1, abs=1e-3)


def test_a_change_in_another_way_takes_the_vector_away_and_the_sweep_makes_one(artist: User) -> None:
    concept = describe_concept(Concept(artist=artist), name="Riverink", kind="style", description="Foxes.")
    before = ConceptVector.objects.get(concept=concept).vector
    assert make_missing_vectors() == 0

    for changed in ({"description": "Brass."}, {"aliases": ["Inky"]}, {"name": "Brassink"}):
        Concept.objects.filter(pk=concept.pk).update(**changed)
        assert not ConceptVector.objects.exists()
        assert make_missing_vectors() == 1

    assert ConceptVector.objects.get(concept=concept).vector != before


def test_a_change_of_something_else_leaves_the_vector(artist: User) -> None:
    concept = describe_concept(Concept(artist=artist), name="Riverink", kind="style")

    Concept.objects.filter(pk=concept.pk).update(created_at=concept.created_at, name=concept.name)

    assert ConceptVector.objects.exists()
