"""Why an extraction or a release does not go on."""

from __future__ import annotations

from collections.abc import Sequence


class ExtractionRefused(Exception):
    """Nothing was changed. `reasons` says why, one sentence each."""

    def __init__(self, *reasons: str) -> None:
        self.reasons: Sequence[str] = reasons
        super().__init__(" ".join(reasons))
