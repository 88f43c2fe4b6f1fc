"""Declare and check every environment variable this application reads.

One file a domain declares each variable once, with its parser, default and meaning. Where the variables are policy (deadlines,
limits, fees), a frozen dataclass beside them is what the code reads: `settings.CLAIMS.answer_days`. Tests lay another over it,
`settings.CLAIMS = replace(settings.CLAIMS, answer_days=3)`.

`load` turns an environment into a `Configuration`. It refuses a value that does not parse, and a name that looks like a
misspelt variable. A typo must not silently leave a default in force. `python -m market.configuration` prints
docs/reference/configuration.md; a test holds the two together.
"""

from market.configuration.loading import BY_NAME, VARIABLES, ConfigurationError, load
from market.configuration.values import ROOT, Configuration

__all__ = ["BY_NAME", "ROOT", "VARIABLES", "Configuration", "ConfigurationError", "load"]
