"""The end of the story: strangers see nothing, the ledger verifies, and so does everybody's statement, offline."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

from market.demo.story.cast import Cast
from market.demo.story.commands import manage
from market.demo.story.selling import Sold
from market.demo.story.steps import Figures, Story
from market.demo.story.visitors import Visitor
from market.stack.browsing import Refusal


def prove(story: Story, cast: Cast, sold: Sold) -> None:
    with story.step("a stranger sees none of it") as figures:
        cast.stranger.sign_up()
        # The stranger is an artist too, so that ownership decides and not the role.
        cast.stranger.take_on("artist")
        private = [sold.pictures[0], sold.pictures[0] + "file/", sold.job, sold.concept]
        for path in private:
            if (status := cast.stranger.browser.status(path)) != 404:
                raise Refusal(f"a stranger gets {status} for {path}")
        figures["addresses_refused"] = len(private)

    with story.step("the ledger verifies") as figures:
        figures |= verify_ledger()

    for who, what in (
        (cast.artist, "the artist"),
        (cast.claimant, "the claimant"),
        (cast.owner, "the model owner"),
    ):
        with story.step(f"{what} verifies a statement") as figures:
            figures |= verify_statement(who, cast.data_dir)


def verify_ledger() -> Figures:
    said = manage("verify_ledger", "--json")
    try:
        result = json.loads(said)
    except ValueError:
        raise Refusal(f"verify_ledger said: {said}") from None
    if not result["ok"]:
        raise Refusal(f"the ledger does not verify: {said}")
    return dict(result["counts"])


def verify_statement(payee: Visitor, folder: Path) -> Figures:
    """Download the statement with its proof and verify it as a paid person would: offline, by a program of one file."""
    listed = payee.browser.open("/earnings/statements/")
    files = {
        "statement.json": listed.link(r"/statements/[\d-]+\.json$"),
        "verify_statement.py": "/proof/verify_statement.py",
    }
    for name, address in files.items():
        folder.joinpath(name).write_bytes(payee.browser.download(address)[0])
    key = payee.browser.download("/proof/key")[0].decode().strip()
    command = [sys.executable, "-I", "verify_statement.py", "statement.json", "--key", key]

    def run() -> subprocess.CompletedProcess[str]:
        return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)

    right = run()
    if right.returncode or "VERIFIED." not in right.stdout:
        raise Refusal(f"verify_statement.py said: {right.stdout}{right.stderr}")
    kept = folder / "statement.json"
    kept.write_bytes(kept.read_bytes().replace(b'"total": ', b'"total": 1', 1))
    if run().returncode != 1:
        raise Refusal("verify_statement.py takes a changed statement for right")
    lines = re.search(r"(\d+) lines", right.stdout)
    return {"lines": int(lines[1]) if lines else 0, "a_changed_one": "refused"}
