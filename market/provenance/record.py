"""The record of how a picture was made, and its form as JSON and as XMP."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any
from xml.sax.saxutils import escape, quoteattr

FORMAT = 1
PROGRAM = "Copyright Plug-in Market"
# IPTC's term for a picture made by a trained model; search engines and photo programs look for it.
AI_GENERATED = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"


class BadRecord(ValueError):
    """A record that this version cannot read."""


@dataclass(frozen=True)
class PlugInCredit:
    """One plug-in that took part, and its artists."""

    name: str
    artist: str
    version: int
    tensors_sha256: str
    weight: float
    credit_required: bool = True
    commercial_use: bool = True
    derivatives: bool = True


@dataclass(frozen=True)
class Record:
    """How a picture was made. It names artists and models, but says nothing about the person who asked for it."""

    request: str
    picture: int  # its number within the request, from 0
    prompt: str
    seed: int
    steps: int
    guidance: float
    base_name: str
    base_release: int
    base_fingerprint: str
    negative_prompt: str = ""
    sampler: str = ""
    plugins: tuple[PlugInCredit, ...] = field(default=())

    @property
    def prompt_sha256(self) -> str:
        return hashlib.sha256(self.prompt.encode()).hexdigest()

    def credit_line(self) -> str:
        """The line to put beside the picture: artists and plug-ins, then the base model."""
        named = [f"{credit.artist} (“{credit.name}”)" for credit in self.plugins]
        return "Made with " + ", ".join([*named, self.base_name])

    def as_json(self) -> str:
        said = {
            "format": FORMAT,
            "program": PROGRAM,
            "digital_source_type": AI_GENERATED,
            **asdict(self),
            "prompt_sha256": self.prompt_sha256,
            "credit": self.credit_line(),
        }
        return json.dumps(said, ensure_ascii=False, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Record:
        """Read a record back. Raises BadRecord, saying what was expected."""
        try:
            said = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise BadRecord(f"expected JSON: {error}") from None
        if not isinstance(said, dict) or said.get("format") != FORMAT:
            raise BadRecord(f"expected a record of format {FORMAT}")
        try:
            record = cls(
                request=_text(said, "request"),
                picture=_whole(said, "picture"),
                prompt=_text(said, "prompt"),
                negative_prompt=_text(said, "negative_prompt"),
                sampler=_text({"sampler": "", **said}, "sampler"),
                seed=_whole(said, "seed"),
                steps=_whole(said, "steps"),
                guidance=_number(said, "guidance"),
                base_name=_text(said, "base_name"),
                base_release=_whole(said, "base_release"),
                base_fingerprint=_text(said, "base_fingerprint"),
                plugins=tuple(_credit(each) for each in said["plugins"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise BadRecord(f"a field is missing or of the wrong kind: {error}") from None
        if said.get("prompt_sha256") != record.prompt_sha256:
            raise BadRecord("the prompt does not match its SHA-256")
        return record

    def as_xmp(self) -> str:
        """The same for programs that read XMP: source type, credit, artists, tool."""
        creators = "".join(f"<rdf:li>{_xml(credit.artist)}</rdf:li>" for credit in self.plugins)
        return (
            '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
            '<x:xmpmeta xmlns:x="adobe:ns:meta/">'
            '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
            '<rdf:Description rdf:about=""'
            ' xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"'
            ' xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/"'
            ' xmlns:xmp="http://ns.adobe.com/xap/1.0/"'
            ' xmlns:dc="http://purl.org/dc/elements/1.1/"'
            f" Iptc4xmpExt:DigitalSourceType={quoteattr(AI_GENERATED)}"
            f" photoshop:Credit={quoteattr(_printable(self.credit_line()))}"
            f" xmp:CreatorTool={quoteattr(PROGRAM)}>"
            f"<dc:contributor><rdf:Bag>{creators}</rdf:Bag></dc:contributor>"
            '<dc:description><rdf:Alt><rdf:li xml:lang="x-default">AI generated. '
            f"{_xml(self.credit_line())}.</rdf:li></rdf:Alt></dc:description>"
            "</rdf:Description></rdf:RDF></x:xmpmeta>"
            '<?xpacket end="w"?>'
        )


def _printable(text: str) -> str:
    """Drop what XML 1.0 cannot hold."""
    return "".join(letter if letter.isprintable() or letter in "\t\n" else " " for letter in text)


def _xml(text: str) -> str:
    return escape(_printable(text))


def _text(said: Mapping[str, Any], name: str) -> str:
    value = said[name]
    if not isinstance(value, str):
        raise TypeError(f"{name} is not text")
    return value


def _whole(said: Mapping[str, Any], name: str) -> int:
    value = said[name]
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name} is not a whole number")
    return value


def _number(said: Mapping[str, Any], name: str) -> float:
    value = said[name]
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{name} is not a number")
    return float(value)


def _flag(said: Mapping[str, Any], name: str) -> bool:
    value = said[name]
    if not isinstance(value, bool):
        raise TypeError(f"{name} is neither true nor false")
    return value


def _credit(said: Mapping[str, Any]) -> PlugInCredit:
    return PlugInCredit(
        name=_text(said, "name"),
        artist=_text(said, "artist"),
        version=_whole(said, "version"),
        tensors_sha256=_text(said, "tensors_sha256"),
        weight=_number(said, "weight"),
        credit_required=_flag(said, "credit_required"),
        commercial_use=_flag(said, "commercial_use"),
        derivatives=_flag(said, "derivatives"),
    )
