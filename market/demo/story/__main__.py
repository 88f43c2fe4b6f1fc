"""The story of the market, acted out over HTTP by people who sign up for it: `python -m market.demo.story`.

Every step fails loudly: it raises Refusal when a page, a price, a picture or an amount is not what it must be.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from market.demo.story.cast import Cast
from market.demo.story.claiming import claim
from market.demo.story.combining import combine
from market.demo.story.extracting import take_out
from market.demo.story.proving import prove
from market.demo.story.restoring import restore
from market.demo.story.selling import sell
from market.demo.story.steps import Story
from market.seeding.works import claimed_work_sets, shipped_work_sets
from market.stack.browsing import Refusal


def tell(story: Story, cast: Cast) -> None:
    works = shipped_work_sets()[0]
    claimed, controls = claimed_work_sets()
    sold = sell(story, cast, works)
    claimed_page = claim(story, cast, claimed, controls)
    taken = take_out(story, cast, claimed, claimed_page)
    restoring = restore(story, cast, claimed, taken)
    combine(story, cast, [sold.slug, restoring], claimed.prompt)
    prove(story, cast, sold)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m market.demo.story", description=__doc__)
    parser.add_argument("--address", required=True)
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--outcomes", type=Path, required=True, help="where to write the steps as JSON")
    chosen = parser.parse_args(arguments)
    story = Story(lambda line: print(line, flush=True))
    try:
        tell(story, Cast(chosen.address, chosen.data_dir))
    except Exception as problem:
        if isinstance(problem, Refusal | OSError) or story.outcomes:
            print(f"          {type(problem).__name__}: {problem}", flush=True)
            return 1
        raise
    finally:
        chosen.outcomes.write_text(json.dumps(story.as_json()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
