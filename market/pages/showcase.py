"""What the landing page shows of the market as it is now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Prefetch

from market.basemodels.models import BaseModel
from market.catalog.models import PlugIn, PlugInSample
from market.generation.commission import commission_rates
from market.generation.models import Picture
from market.generation.pricing import Fee, Quote, Receiver, draw_quote
from market.ledger.money import formatted

FEATURED = 4


@dataclass(frozen=True)
class Featured:
    """A plug-in with the samples that its card shows."""

    plugin: PlugIn
    samples: Sequence[PlugInSample]

    @property
    def price(self) -> str:
        return formatted(self.plugin.price_micros)

    @property
    def images(self) -> list[str]:
        return [sample.url for sample in self.samples]


def featured() -> list[Featured]:
    """The newest published plug-ins, at most one of each concept, samples included."""
    newest = (
        PlugIn.objects.published()
        .with_everything()
        .filter(current_version__isnull=False)
        .prefetch_related(
            Prefetch(
                "current_version__samples",
                queryset=PlugInSample.objects.select_related("version").order_by("position"),
            )
        )
        .order_by("-published_at")
    )
    shown: dict[int, Featured] = {}
    for plugin in newest[: FEATURED * 3]:
        version = plugin.current_version
        if version is not None and len(shown) < FEATURED:
            shown.setdefault(plugin.concept_id, Featured(plugin, list(version.samples.all())))
    return list(shown.values())


@dataclass(frozen=True)
class Figure:
    label: str
    value: int


def figures() -> list[Figure]:
    """Count what the market has. Empty while the market is still empty."""
    published = PlugIn.objects.published()
    plugins = published.count()
    if plugins == 0:
        return []
    return [
        Figure("plug-ins on offer", plugins),
        Figure("artists", published.values("owner").distinct().count()),
        Figure("base models", BaseModel.objects.listed().count()),
        Figure("pictures made", Picture.objects.count()),
    ]


def example_quote() -> Quote:
    """Price one example picture exactly as the studio would, so that the explanation follows the present terms."""
    fees = [
        Fee("base_fee", "base-release:0", "Base model", 10_000, (Receiver(1, "a model owner"),)),
        Fee("plugin_fee", "plugin-version:0", "River ink", 50_000, (Receiver(2, "Ines Moreau"),)),
        Fee("plugin_fee", "plugin-version:1", "Pip the fox", 30_000, (Receiver(3, "Jonas Weber"),)),
    ]
    return draw_quote(fees=fees, pictures=1, payer=0, rates=commission_rates())
