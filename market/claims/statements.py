"""What whoever signs a paper of a claim agrees to, word for word. Kept with the paper, so that a later wording changes nothing.

The elements are those of 17 U.S.C. 512(c)(3)(A) for the notice and 512(g)(3) for the counter-notice, in our own words.
"""

from __future__ import annotations

GOOD_FAITH = (
    "I believe in good faith that neither the rights holder, nor their agent, nor the law permits the use of the works that this "
    "claim is about."
)
ACCURATE = (
    "What this notice says is accurate, and, under penalty of perjury, I am the holder of the right that I say is infringed or "
    "may act for the holder."
)
MISTAKEN = (
    "Under penalty of perjury I state my good-faith belief that the claim rests on a mistake, or on a misidentification of what "
    "it is about."
)
JURISDICTION = (
    "I consent to the jurisdiction of the courts at my address, or, if I live outside the United States, of those where the "
    "market may be found, and I accept service of process from the claimant or their agent."
)

NOTICE = f"{GOOD_FAITH}\n{ACCURATE}"
COUNTER_NOTICE = f"{MISTAKEN}\n{JURISDICTION}"
