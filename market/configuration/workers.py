"""Workers and their jobs, and where workers may take base models from."""

from __future__ import annotations

from dataclasses import dataclass

from market.configuration.parsing import boolean, device, directories, integer, text, url, words
from market.configuration.values import Configuration
from market.configuration.variable import Group, Variable

WORKERS = Group(
    "Workers",
    [
        Variable(
            "DEVICE",
            "text",
            "Where the engine runs: `auto` (CUDA if there is one, else CPU), `cpu`, `cuda`, `cuda:N`, `mps`.",
            device,
            "auto",
        ),
        Variable(
            "WORKERS",
            "integer",
            "Worker processes that `./run` starts. The first does every kind of job, further ones only pictures, "
            "so that nobody waits for a training.",
            integer(1, 16),
            "2",
        ),
        Variable(
            "BASE_MODEL_DIRS",
            "list",
            "Directories on the workers, comma-separated, below which any model owner may register the diffusers directories that lie "
            "there. Empty: base models come by upload only.",
            directories,
        ),
        Variable(
            "ALLOW_HUB",
            "boolean",
            "Whether model owners may name a model on a hub, which the workers fetch over the network.",
            boolean,
            "0",
        ),
        Variable(
            "HUB_ORGANISATIONS",
            "list",
            "Whose models are taken from the hub: organisations or people, comma-separated. Empty: anybody's.",
            words,
        ),
        Variable(
            "HF_ENDPOINT",
            "URL",
            "Where the hub is; another address is for mirrors and stand-ins.",
            url("http", "https", optional=False),
            "https://huggingface.co",
        ),
        Variable(
            "HF_TOKEN",
            "text",
            "Sent to the hub, for models that ask for one; every model owner may then offer what it opens.",
            text,
            secret=True,
        ),
        Variable(
            "JOB_LEASE_SECONDS",
            "integer",
            "How long a worker may go silent before its job is given to another.",
            integer(10, 3600),
            "60",
        ),
        Variable(
            "JOB_RETRY_SECONDS",
            "integer",
            "How long a job waits after a first attempt that failed; after the second twice as long, up to 5 minutes.",
            integer(0, 300),
            "10",
        ),
        Variable(
            "SWEEP_SECONDS",
            "integer",
            "How often the sweeper looks for lost jobs and abandoned holds.",
            integer(1, 600),
            "5",
        ),
    ],
)


@dataclass(frozen=True)
class JobDeadlines:
    """How long a worker may go silent, and how long a job waits after its first failed attempt."""

    lease_seconds: int
    retry_seconds: int

    @classmethod
    def read(cls, given: Configuration) -> JobDeadlines:
        return cls(
            lease_seconds=given.number("JOB_LEASE_SECONDS"), retry_seconds=given.number("JOB_RETRY_SECONDS")
        )
