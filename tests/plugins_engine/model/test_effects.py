"""How much two plug-ins differ in what they do, whatever their files look like."""

import math
from dataclasses import replace

import pytest

from plugins_engine import Adapter, BaseCheckpoint, difference
from plugins_engine.adapters.kinds import Full, materialise
from tests.plugins_engine import tiny_pipelines


@pytest.fixture
def plugin(sd: BaseCheckpoint) -> Adapter:
    return tiny_pipelines.random_reader(sd, "Ink")


def test_a_plugin_does_not_differ_from_itself_in_another_form(sd: BaseCheckpoint, plugin: Adapter) -> None:
    layers = {layer: Full(materialise(each)) for layer, each in plugin.layers.items()}

    assert difference(sd, plugin, plugin) < 1e-6
    assert difference(sd, plugin, replace(plugin, layers=layers)) < 1e-6


def test_a_plugin_at_another_strength_differs_by_that(sd: BaseCheckpoint) -> None:
    plugin = tiny_pipelines.random_adapter(sd, seed=1)

    assert difference(sd, plugin, plugin.scaled(0.5)) == pytest.approx(0.5, rel=1e-5)
    assert difference(sd, plugin.scaled(0.5), plugin) == pytest.approx(1, rel=1e-5)
    assert difference(sd, plugin, plugin.negated()) == pytest.approx(2, rel=1e-5)


def test_a_text_encoder_that_is_left_out_is_all_of_its_part(sd: BaseCheckpoint, plugin: Adapter) -> None:
    without = replace(
        plugin,
        layers={layer: each for layer, each in plugin.layers.items() if layer not in plugin.text_layers},
    )

    assert difference(sd, plugin, without) == pytest.approx(1)
    assert difference(sd, without, plugin) == math.inf, "it changes what the other leaves alone"


def test_tokens_that_are_missing_or_others_are_told(sd: BaseCheckpoint, plugin: Adapter) -> None:
    assert difference(sd, plugin, replace(plugin, tokens=())) == 1
    assert difference(sd, replace(plugin, tokens=()), plugin) == math.inf
    other = replace(
        plugin.tokens[0], vectors={name: each * 1.1 for name, each in plugin.tokens[0].vectors.items()}
    )
    assert difference(sd, plugin, replace(plugin, tokens=(other,))) == pytest.approx(0.1, rel=1e-4)
