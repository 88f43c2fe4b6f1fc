"""What an artist affirms before their works are used. A new wording needs a new version."""

RIGHTS_VERSION = "2026-01"
NOT_AFFIRMED = "Tick the box to affirm your rights."
RIGHTS_CHANGED = "The text has changed while you were reading. Please read it again."

RIGHTS_TEXT = """\
I affirm that I made the works of this concept myself, or that I hold the rights to them in writing.
I affirm that I may let a model be adapted with them and may offer the result to others.
The works show no living person who has not agreed to it.
I understand that the works are used for nothing but making this plug-in and keeping copies of it from being offered \
by somebody else, that I can withdraw the plug-in from the market at any time, and that a false affirmation ends my \
account and my right to earnings not yet paid out."""
