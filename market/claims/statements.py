"""What the signer of a claim's paper agrees to, word for word. Kept with the paper, so that a later wording changes nothing.

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
    "Under penalty of perjury I state my good-faith belief that what this is about was, or is to be, removed or disabled by mistake, "
    "or because it was misidentified."
)
JURISDICTION = (
    "I consent to the jurisdiction of the United States Federal District Court for the district of my address, or, if that is "
    "outside the United States, for any district in which the market may be found, and I accept service of process from whoever "
    "sent the notice, or their agent."
)

NO_STATEMENT = "Without this statement it is no valid notice."
NOTICE = f"{GOOD_FAITH}\n{ACCURATE}"
COUNTER_NOTICE = f"{MISTAKEN}\n{JURISDICTION}"
