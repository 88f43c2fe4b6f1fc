"""The memo of a fee: written, read again, and never longer than an entry keeps."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from market.ledger.memos import MEMO_LENGTH, fee_memo, name_in, through_in

names = st.text(st.characters(exclude_characters=","), min_size=1, max_size=60)


@given(names, st.one_of(st.just(""), names))
def test_name_and_way_are_read_as_they_were_written(name: str, through: str) -> None:
    memo = fee_memo(name, through)
    assert (name_in(memo), through_in(memo)) == (name, through)


def test_a_long_way_is_cut_and_the_name_is_not() -> None:
    memo = fee_memo("Duet", " and ".join(f"Plug-in {number}" for number in range(50)))
    assert len(memo) == MEMO_LENGTH
    assert name_in(memo) == "Duet"
    assert through_in(memo).endswith("…")


def test_a_memo_is_written_as_people_read_it() -> None:
    assert fee_memo("Duet", "Fxemoji") == "Duet, through Fxemoji"
    assert fee_memo("Duet") == "Duet"
    assert through_in("Duet, through Ink in A, through B") == "Ink in A, through B"


def test_a_memo_that_just_fits_is_not_cut() -> None:
    assert fee_memo("N" * MEMO_LENGTH) == "N" * MEMO_LENGTH
    assert fee_memo("N" * (MEMO_LENGTH + 1)) == "N" * (MEMO_LENGTH - 1) + "…"
