"""Names that look like a misspelt variable."""

from __future__ import annotations

from collections.abc import Collection, Iterable

# Names that other programs own and that lie close to one of ours.
NOT_TYPOS = frozenset({"HOSTNAME", "DEBUGINFOD_URLS", "LOGNAME", "DATABASE_PORT"})


def misspelt(environment: Iterable[str], known: Collection[str]) -> list[str]:
    """Return a problem for each name that is not a variable but is one or two slips away from one."""
    problems = []
    for name in sorted(environment):
        if name in known or name in NOT_TYPOS:
            continue
        for meant in known:
            # Short names are close to too many names of other programs.
            slips = 0 if len(meant) < 6 else 1 if len(meant) < 10 else 2
            if name.upper() == meant or (slips and distance(name.upper(), meant, slips) <= slips):
                problems.append(f"{name}: not a variable of this application. Did you mean {meant}?")
                break
    return problems


def distance(left: str, right: str, limit: int) -> int:
    """Return how many insertions, deletions, substitutions or swaps of neighbours turn left into right.

    Stops counting past `limit`. Optimal string alignment: https://en.wikipedia.org/wiki/Damerau-Levenshtein_distance
    """
    if abs(len(left) - len(right)) > limit:
        return limit + 1
    above: list[int] = []
    row = list(range(len(right) + 1))
    for i, a in enumerate(left, start=1):
        two_above, above, row = above, row, [i]
        for j, b in enumerate(right, start=1):
            cost = min(above[j] + 1, row[j - 1] + 1, above[j - 1] + (a != b))
            if i > 1 and j > 1 and a == right[j - 2] and left[i - 2] == b:
                cost = min(cost, two_above[j - 2] + 1)
            row.append(cost)
    return row[-1]
