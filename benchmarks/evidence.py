"""Evidence on truth: pictures that the embedded base was trained on, and pairs of the same subjects and styles kept from it.

The peer in membership is the base's error under the caption alone, as Carlini et al. take it, without the error without caption.
"""

import random
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.report import Report
from plugins_engine import CaptionedPictures, EvidenceConfig, Roc, find_reproductions, load_base, styled
from plugins_engine.evidence.membership import calibrated, log_errors, roc
from training.pictures import Drawing, Sheets, all_drawings


def measure(report: Report, root: Path) -> None:
    base = load_base()
    every = all_drawings(root)
    seen = [d for d in every if not d.is_held_out]
    kept = [d for d in every if d.is_held_out_pair and not d.is_character]
    rng = random.Random(0)
    works = _read(rng.sample(seen, 60 if report.quick else 180))
    controls = _read(rng.sample(kept, min(len(kept), len(works))))
    config = EvidenceConfig(levels=16 if report.quick else 32, seeds=4 if report.quick else 8)
    errors = log_errors(base, [*works, *controls], config)
    gain, plain = errors[:, 0] - errors[:, 1], errors[:, 0]
    n = len(works)
    ours, peer = calibrated(gain[:n], gain[n:]).roc, calibrated(plain[:n], plain[n:]).roc
    report.add(
        "membership_area", ours.area, peer=peer.area,
        note=f"{_interval(ours)}; {n} pictures it learned from, {len(controls)} it never saw",
    )  # fmt: skip
    report.add("membership_found_at_10_percent", ours.found_at(0.1), peer=peer.found_at(0.1))

    some = rng.sample(works, 12 if report.quick else len(controls))
    shown = controls[: len(some)]
    found = find_reproductions(base, some, shown, [text for _, text in (*some, *shown)], config)
    nearness = [[-each.distance for each in nearest] for nearest in (found.works, found.controls)]
    area = roc(*nearness)
    report.add(
        "reproduction_area", area.area,
        note=f"{_interval(area)}; {len(some)} and {len(shown)} pictures, {config.seeds} drawings of each caption",
    )  # fmt: skip
    for name, nearest in (("works", found.works), ("controls", found.controls)):
        distances = [each.distance for each in nearest]
        report.add(
            f"reproduced_{name}", found.reproduced(nearest).rate,
            note=f"within {found.within:g}; median distance {np.median(distances):.3f}",
        )  # fmt: skip
    report.add(
        "largest_agreement", max(each.clique for each in found.agreement), note=f"of {config.seeds} drawings"
    )
    report.details = {
        "curve": ours.curve,
        "curve_of_plain_error": peer.curve,
        "curve_of_reproduction": area.curve,
    }


def _read(chosen: list[Drawing]) -> CaptionedPictures:
    """Give drawings on white, as the base saw the others of their styles."""
    plain = Sheets(chosen).plain().permute(0, 2, 3, 1).contiguous().numpy()
    return [
        (Image.fromarray(pixels), styled(d.subject.caption, d.style.name))
        for pixels, d in zip(plain, chosen, strict=True)
    ]


def _interval(found: Roc) -> str:
    return f"95% interval {found.low:.3f} to {found.high:.3f}"
