"""Noise that is added for training is the noise that samplers take away."""

from typing import Any

import pytest
import torch
from diffusers import EDMEulerScheduler

from plugins_engine.errors import BadBase
from plugins_engine.model.processes import elucidated_of
from plugins_engine.model.samplers import Schedule

CONFIGS: list[dict[str, Any]] = [
    {},
    {
        "sigma_schedule": "exponential",
        "prediction_type": "v_prediction",
        "sigma_data": 1.0,
        "sigma_max": 500.0,
    },
]


@pytest.mark.parametrize("said", CONFIGS)
def test_edm_times_are_those_of_the_sampler(said: dict[str, Any]) -> None:
    scheduler = EDMEulerScheduler(**said)
    scheduler.set_timesteps(9)

    times = elucidated_of(scheduler.config).times(torch.linspace(0, 1, 9))

    torch.testing.assert_close(times.flip(0), scheduler.timesteps, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("said", CONFIGS)
def test_what_edm_learns_to_predict_takes_the_sampler_to_the_clean_latents(said: dict[str, Any]) -> None:
    scheduler = EDMEulerScheduler(**said)
    scheduler.set_timesteps(5)
    process = elucidated_of(scheduler.config)
    generator = torch.Generator().manual_seed(0)
    clean, noise = torch.randn((2, 1, 4, 8, 8), generator=generator)
    time = scheduler.timesteps[1:2]
    sigma = scheduler.sigmas[1]
    scheduler.set_begin_index(1)

    given = scheduler.scale_model_input(clean + sigma * noise, time[0])
    target = process.target(clean, noise, time)
    found = scheduler.step(target, time[0], clean + sigma * noise).pred_original_sample

    torch.testing.assert_close(process.noised(clean, noise, time), given, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(found, clean, rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(process.expected(given, target, time[0]), clean, rtol=1e-3, atol=1e-3)
    assert 0.2 < target.std() < 5, "of the size that a network can give"


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"sigma_min": 0}, "rise from above 0"),
        ({"sigma_min": 9.0, "sigma_max": 3.0}, "rise from above 0"),
        ({"sigma_data": "much"}, "could not convert"),
        ({"rho": float("nan")}, "rise from above 0"),
        ({"sigma_schedule": "even"}, "expected a sigma_schedule of karras, exponential, found even"),
        ({"prediction_type": "sample"}, "expected a prediction_type of epsilon, v_prediction, found sample"),
    ],
)
def test_a_schedule_of_edm_that_cannot_be_is_refused_by_name(said: dict[str, Any], message: str) -> None:
    schedule = Schedule({"_class_name": "EDMEulerScheduler", **said}, is_flow=False)

    with pytest.raises(BadBase, match=message):
        schedule.process()


def test_edm_for_a_base_of_flow_matching_is_refused() -> None:
    with pytest.raises(BadBase, match="expected a sampler for flow matching"):
        Schedule({"_class_name": "EDMEulerScheduler"}, is_flow=True)
