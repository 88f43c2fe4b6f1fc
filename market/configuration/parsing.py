"""Turn the text of a variable into its value. Each parser raises ValueError saying what it expected."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from stdnum.iban import is_valid as is_iban

# As pain.001.001.03, the file for banks, has it.
BIC = r"[A-Z]{6}[A-Z2-9][A-NP-Z0-9]([A-Z0-9]{3})?"

POSTGRES = ("postgres", "postgresql")
REDIS = ("redis", "rediss", "redis+socket", "unix")


def text(value: str) -> str:
    return value


def boolean(value: str) -> bool:
    lowered = value.strip().lower()
    if lowered in {"1", "true", "yes", "on"}:
        return True
    if lowered in {"0", "false", "no", "off", ""}:
        return False
    raise ValueError("expected 1 or 0")


def integer(low: int, high: int) -> Callable[[str], int]:
    def parse(value: str) -> int:
        expected = f"expected a whole number from {low} to {high}"
        if not re.fullmatch(r"-?[0-9]+", value.strip()):
            raise ValueError(expected)
        number = int(value)
        if not low <= number <= high:
            raise ValueError(expected)
        return number

    return parse


def choice(*options: str) -> Callable[[str], str]:
    def parse(value: str) -> str:
        if value not in options:
            raise ValueError("expected one of " + ", ".join(option or "(empty)" for option in options))
        return value

    return parse


def words(value: str) -> list[str]:
    return [word.strip() for word in value.split(",") if word.strip()]


def url(*schemes: str, optional: bool = True) -> Callable[[str], str]:
    def parse(value: str) -> str:
        if not value and optional:
            return ""
        parts = urlsplit(value)
        if parts.scheme not in schemes or not (parts.netloc or parts.path):
            raise ValueError(
                "expected a URL starting with " + " or ".join(f"{scheme}:" for scheme in schemes)
            )
        return value

    return parse


def public_url(value: str) -> str:
    if not value:
        return ""
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.path.strip("/") or parts.query:
        raise ValueError("expected an address such as https://market.example, without a path")
    return value.rstrip("/")


def device(value: str) -> str:
    if not re.fullmatch(r"auto|cpu|mps|cuda(:[0-9]+)?", value):
        raise ValueError("expected auto, cpu, mps, cuda or cuda:N")
    return value


def secret_key(value: str) -> str:
    if value and len(value) < 32:
        raise ValueError("expected at least 32 characters, or nothing to have one made")
    return value


def seal_key(value: str) -> str:
    if value and not re.fullmatch(r"[0-9a-f]{64}", value):
        raise ValueError("expected 64 hexadecimal digits in lower case, or nothing to have a key made")
    return value


def stripe_key(*beginnings: str) -> Callable[[str], str]:
    def parse(value: str) -> str:
        if value and not re.fullmatch(rf"({'|'.join(beginnings)})[A-Za-z0-9_]+", value):
            raise ValueError(f"expected what begins with {' or '.join(beginnings)}, or nothing")
        return value

    return parse


def iban(value: str) -> str:
    if value and not is_iban(value):
        raise ValueError("expected an IBAN such as DE89 3704 0044 0532 0130 00")
    return re.sub(r"[^A-Za-z0-9]", "", value).upper()


def bic(value: str) -> str:
    if value and not re.fullmatch(BIC, value):
        raise ValueError("expected a BIC such as COBADEFF or COBADEFFXXX")
    return value


def email_url(value: str) -> str:
    if value in {"file", "console"}:
        return value
    parts = urlsplit(value)
    if parts.scheme not in {"smtp", "smtp+tls", "smtps"} or not parts.hostname:
        raise ValueError("expected file, console, or smtp://, smtp+tls:// or smtps://USER:PASSWORD@HOST:PORT")
    return value


def path(value: str) -> Path | None:
    return Path(value).expanduser().resolve() if value else None


def directories(value: str) -> list[Path]:
    """Read absolute paths. They are not resolved: they belong to the workers' machines, perhaps not to this one."""
    found = [Path(word) for word in words(value)]
    for each in found:
        if not each.is_absolute() or ".." in each.parts or len(each.parts) < 2:
            raise ValueError("expected absolute paths of directories, separated by commas")
    return found
