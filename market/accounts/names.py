"""Check the names that people are shown by. A name that looks like another's, or hides characters, is refused."""

from __future__ import annotations

import unicodedata
from typing import Any

import regex
from django import forms
from django.core.exceptions import ValidationError

# Letters of several scripts can make one name look like another: a Cyrillic letter in "Ada". Only scripts that languages write
# together are allowed together (Unicode Technical Standard 39, section 5.2, "highly restrictive").
TOGETHER = (
    {"Latin", "Han", "Hiragana", "Katakana"},
    {"Latin", "Han", "Bopomofo"},
    {"Latin", "Han", "Hangul"},
)
SCRIPTS = (
    "Latin", "Greek", "Cyrillic", "Armenian", "Hebrew", "Arabic", "Devanagari", "Bengali", "Gurmukhi", "Gujarati", "Tamil",
    "Telugu", "Kannada", "Malayalam", "Sinhala", "Thai", "Lao", "Tibetan", "Myanmar", "Georgian", "Hangul", "Ethiopic",
    "Cherokee", "Khmer", "Mongolian", "Hiragana", "Katakana", "Bopomofo", "Han",
)  # fmt: skip
MOST_MARKS = 2
"""Signs allowed over and under one letter: tall stacks would cover the lines above and below."""

_hidden = regex.compile(r"[\p{C}\p{Default_Ignorable_Code_Point}\p{Zl}\p{Zp}\u2800\u3164\uffa0]")
_stack = regex.compile(rf"\p{{M}}{{{MOST_MARKS + 1},}}")
_letter = regex.compile(r"\p{L}")
_of_script = {script: regex.compile(rf"\p{{Script={script}}}") for script in SCRIPTS}
_listed = "".join(rf"\p{{Script={script}}}" for script in (*SCRIPTS, "Common", "Inherited"))
_others = regex.compile(f"[^{_listed}]")


def readable(text: str) -> str:
    """Give a name in its plain form: compatible letters folded (NFKC), spaces single.

    Raises ValidationError if it has no letter or digit, an invisible character, a stack of signs, or letters of scripts that no
    language writes together.
    """
    name = " ".join(unicodedata.normalize("NFKC", text).split())
    if not any(letter.isalnum() for letter in name):
        raise ValidationError("Give a name with at least one letter or digit.")
    if found := _hidden.search(name):
        raise ValidationError(
            f"The name has a character that cannot be seen (U+{ord(found[0]):04X}): leave it out."
        )
    if _stack.search(name):
        raise ValidationError(
            "The name has more signs over or under one letter than any language writes: leave them out."
        )
    scripts = scripts_of(name)
    if len(scripts) > 1 and not any(scripts <= allowed for allowed in TOGETHER):
        raise ValidationError(
            f"The name mixes letters of different scripts ({', '.join(sorted(scripts))}), some of which look alike: write it "
            "in one script."
        )
    return name


def scripts_of(name: str) -> set[str]:
    """Give the scripts of a name's letters. All scripts that are not listed count together as one more."""
    letters = "".join(_letter.findall(name))
    found = {script for script, pattern in _of_script.items() if pattern.search(letters)}
    return found | ({"another"} if _others.search(letters) else set())


class NameField(forms.CharField):
    """A form field for a name that others see."""

    def clean(self, value: Any) -> str:
        text = super().clean(value)
        return readable(text) if text else ""
