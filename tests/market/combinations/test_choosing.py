"""Which plug-ins may become one, by whom, and what a picture with the result costs and pays."""

from __future__ import annotations

import pytest

from market.accounts.models import User
from market.basemodels.models import BaseModel, BaseRelease
from market.catalog.addition import start_addition
from market.catalog.combined import least_price, price_of, shares_of
from market.catalog.models import ConceptKind, PlugIn
from market.catalog.models.plugins import MAX_PRICE_MICROS
from market.catalog.publishing import publish
from market.combinations.choosing import draw_quote
from market.combinations.orders import CombinationOrder
from market.extractions.releases import make_default
from market.extractions.retraining import accept_retraining
from market.refusals import Refused
from tests.market.combinations.stage import ask, combined, finish
from tests.market.extractions.stage import make_dropped, retrain
from tests.market.stage import make_base, make_part, share_with, top_up

pytestmark = pytest.mark.django_db


def refusal(person: User, *plugins: PlugIn, name: str = "", price: int | None = None) -> str:
    with pytest.raises(Refused) as refused:
        draw_quote(person, CombinationOrder(plugins, name=name, price_micros=price))
    return str(refused.value)


def test_a_quote_says_what_combining_costs_and_whom_each_picture_pays(
    user: User, artist: User, second_artist: User, ink: PlugIn, pip: PlugIn
) -> None:
    quote = draw_quote(user, CombinationOrder([ink, pip]))
    assert (quote.name, quote.fee_micros) == ("Ink & Pip", 500_000)
    assert (quote.price_micros, quote.least_micros) == (80_000, 80_000)
    assert [(each.person, each.percent, each.through) for each in quote.royalties] == [
        (artist, 75.0, "Ink"),
        (second_artist, 25.0, "Pip"),
    ]
    assert not quote.only_release


def test_a_co_owner_of_a_part_is_in_the_quote(
    user: User, artist: User, second_artist: User, ink: PlugIn, pip: PlugIn
) -> None:
    share_with(ink, second_artist, 5000)
    quote = draw_quote(user, CombinationOrder([ink, pip]))
    assert [(each.person, each.percent) for each in quote.royalties] == [
        (second_artist, 62.5),
        (artist, 37.5),
    ]


@pytest.mark.parametrize(
    ("prices", "shares"),
    [
        ([60_000, 20_000], [7500, 2500]),
        ([0, 0, 0], [3334, 3333, 3333]),
        ([50_000, 0], [9999, 1]),
        ([1, 100_000_000], [1, 9999]),
        ([0, 0, 7], [1, 1, 9998]),
    ],
)
def test_shares_follow_prices_and_every_part_has_one(prices: list[int], shares: list[int]) -> None:
    assert shares_of(prices) == shares


def test_a_picture_costs_at_least_what_its_parts_do(user: User, ink: PlugIn, pip: PlugIn) -> None:
    assert "costs at least €0.08" in refusal(user, ink, pip, price=79_999)
    assert "at most €100.00; €200.00 was asked for" in refusal(user, ink, pip, price=200_000_000)
    assert draw_quote(user, CombinationOrder([ink, pip], price_micros=90_000)).price_micros == 90_000


def test_of_ones_own_parts_nothing_is_asked(artist: User, ink: PlugIn, pip: PlugIn) -> None:
    assert draw_quote(artist, CombinationOrder([ink, pip])).least_micros == pytest.approx(
        80_000, abs=40
    )  # Pip's 25% are its €0.02
    PlugIn.objects.filter(pk=pip.pk).update(price_micros=0)
    assert draw_quote(artist, CombinationOrder([ink, pip])).least_micros == 0


def test_a_part_that_grows_dearer_makes_pictures_dearer(rich: User, ink: PlugIn, pip: PlugIn) -> None:
    duet = combined(rich, ink, pip)
    assert duet.current_version is not None
    assert price_of(duet, duet.current_version) == 80_000

    PlugIn.objects.filter(pk=pip.pk).update(price_micros=40_000)
    least = price_of(duet, duet.current_version)
    assert least * 0.25 == pytest.approx(40_000, rel=0.001)

    PlugIn.objects.filter(pk=pip.pk).update(price_micros=10_000)
    assert price_of(duet, duet.current_version) == 80_000


def test_a_part_that_is_combined_counts_at_what_it_costs_now(
    rich: User, second_artist: User, base: BaseModel, ink: PlugIn, pip: PlugIn
) -> None:
    duet = combined(rich, ink, pip)
    PlugIn.objects.filter(pk=ink.pk).update(price_micros=90_000)
    wool = make_part(second_artist, base, "Wool", price=40_000)
    quote = draw_quote(rich, CombinationOrder([duet, wool]))
    assert [each.share for each in quote.parts] == [7500, 2500]  # €0.12 to €0.04
    assert quote.parts[0].price_micros == pytest.approx(120_000, abs=20)
    # It is their own, but what is in it is not.
    assert quote.least_micros == pytest.approx(160_000, abs=30)


def test_the_least_price_is_never_more_than_a_price_can_be(user: User, ink: PlugIn, pip: PlugIn) -> None:
    PlugIn.objects.filter(pk=ink.pk).update(price_micros=MAX_PRICE_MICROS)
    ink.refresh_from_db()
    assert ink.current_version is not None
    ink.current_version.plugin = ink
    assert (
        least_price([(ink.current_version, 5000), (ink.current_version, 5000)], user.pk) == MAX_PRICE_MICROS
    )


def test_the_licence_is_as_narrow_as_the_narrowest_part(
    rich: User, artist: User, base: BaseModel, pip: PlugIn, ink: PlugIn
) -> None:
    PlugIn.objects.filter(pk=ink.pk).update(allow_commercial=False)
    PlugIn.objects.filter(pk=pip.pk).update(require_credit=False)
    duet = combined(rich, ink, pip)
    assert (duet.allow_commercial, duet.allow_derivatives, duet.require_credit) == (False, True, True)


def test_a_part_that_was_trained_again_is_combined_as_it_draws_on_the_release_in_use(
    rich: User, artist: User, model_owner: User, base: BaseModel, pip: PlugIn
) -> None:
    retest = make_dropped(artist, base)
    done = retrain(retest)
    riverink = retest.version.plugin
    assert retest.build.release is not None
    make_default(retest.build.release, model_owner)
    assert draw_quote(rich, CombinationOrder([riverink, pip])).parts[0].version == retest.version

    accept_retraining(done, artist)
    assert draw_quote(rich, CombinationOrder([riverink, pip])).parts[0].version == done.version
    assert [each.version for each in ask(rich, riverink, pip).parts.all()] == [
        done.version,
        pip.current_version,
    ]
    riverink.refresh_from_db()
    assert riverink.current_version == retest.version, "what is offered stays"

    make_default(base.releases.get(number=1), model_owner)
    assert draw_quote(rich, CombinationOrder([riverink, pip])).parts[0].version == retest.version


def test_one_plugin_or_too_many_are_refused(user: User, artist: User, base: BaseModel, ink: PlugIn) -> None:
    assert refusal(user, ink) == "From 2 to 6 plug-ins become one; 1 are chosen."
    many = [make_part(artist, base, f"Style {number}") for number in range(7)]
    assert "7 are chosen" in refusal(user, *many)


def test_the_same_plugin_twice_is_refused(user: User, ink: PlugIn) -> None:
    assert refusal(user, ink, ink) == "A plug-in is chosen twice. Choose each once."


def test_plugins_of_two_bases_are_refused_by_their_names(
    user: User, model_owner: User, artist: User, ink: PlugIn
) -> None:
    other = make_base(
        model_owner, slug="other", fingerprint="ef" * 32, architecture="stable-diffusion-xl-v1-base"
    )
    far = make_part(artist, other, "Far")
    assert "different base models, “Tiny” and “Other”" in refusal(user, ink, far)


def test_a_licence_without_combination_is_refused_but_to_its_artist(
    user: User, artist: User, ink: PlugIn, pip: PlugIn
) -> None:
    PlugIn.objects.filter(pk=ink.pk).update(allow_combination=False)
    assert "licence of “Ink” by Ada Artist does not allow it to be combined" in refusal(user, ink, pip)
    assert len(draw_quote(artist, CombinationOrder([ink, pip])).parts) == 2


def test_what_is_not_on_the_market_is_combined_by_its_artist_only(
    user: User, artist: User, ink: PlugIn, pip: PlugIn
) -> None:
    ink.withdraw()
    assert "“Ink” by Ada Artist is not on the market" in refusal(user, ink, pip)
    assert len(draw_quote(artist, CombinationOrder([ink, pip])).parts) == 2


def test_weights_of_before_are_refused(user: User, base: BaseModel, ink: PlugIn, pip: PlugIn) -> None:
    BaseModel.objects.filter(pk=base.pk).update(fingerprint="99" * 32)
    base.releases.update(fingerprint="99" * 32)
    assert "“Ink” was made for other weights of Tiny than it has now" in refusal(user, ink, pip)


@pytest.mark.parametrize("name", ["a, b", "x", "§"])
def test_a_name_that_cannot_be_one_is_refused(user: User, ink: PlugIn, pip: PlugIn, name: str) -> None:
    assert "name" in refusal(user, ink, pip, name=name)


def test_a_name_of_ones_own_style_is_refused(artist: User, ink: PlugIn, pip: PlugIn) -> None:
    assert "“Ink” is a style of yours already" in refusal(artist, ink, pip, name="INK")


def test_a_combination_gets_no_version_from_works(
    rich: User, base: BaseModel, ink: PlugIn, pip: PlugIn
) -> None:
    duet = combined(rich, ink, pip)
    with pytest.raises(Refused, match="combined of plug-ins, and not made of works"):
        start_addition(duet.concept, base, rich)


def test_an_artist_publishes_it_without_affirming_works(
    artist: User, ink: PlugIn, pip: PlugIn, user: User
) -> None:
    top_up(artist)
    duet = combined(artist, ink, pip)
    publish(duet, artist)
    assert PlugIn.objects.get(pk=duet.pk).is_published


def test_somebody_who_is_no_artist_cannot_publish_it(rich: User, ink: PlugIn, pip: PlugIn) -> None:
    with pytest.raises(Refused, match="Only its artist"):
        publish(combined(rich, ink, pip), rich)


def test_parts_of_parts_are_counted(
    rich: User, artist: User, base: BaseModel, ink: PlugIn, pip: PlugIn
) -> None:
    top_up(rich, 5_000_000)
    deeper = combined(rich, ink, pip, name="Level 1")
    for level in range(2, 6):
        deeper = combined(rich, deeper, make_part(artist, base, f"Style {level}"), name=f"Level {level}")
    assert "at most 5 levels and 100 plug-ins" in refusal(rich, deeper, make_part(artist, base, "Last"))


def test_a_combination_for_another_release_is_no_part(
    rich: User, artist: User, base: BaseModel, ink: PlugIn, pip: PlugIn
) -> None:
    duet = combined(rich, ink, pip)
    assert duet.current_version is not None
    assert duet.current_version.only_release is None
    assert duet.concept.kind == ConceptKind.COMBINATION
    BaseRelease.objects.filter(base=base).update(is_default=False)
    BaseRelease.objects.create(base=base, number=2, fingerprint=base.fingerprint, is_default=True)
    # Without a restoring part it is for all releases of the weights.
    assert finish(ask(rich, duet, make_part(artist, base, "Wool"), name="Trio"), "trio").only_release is None
