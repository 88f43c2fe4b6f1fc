"""Declare and check every environment variable this application reads.

Each variable is declared once, in VARIABLES, with its parser, default and meaning. `load` turns an environment
into a `Configuration`, and refuses a value that does not parse and a name that looks like a misspelt variable:
a typo must not silently leave a default in force. docs/reference/configuration.md is this table, printed by
`python -m market.configuration`; a test holds the two together.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

from stdnum.iban import is_valid as is_iban

ROOT = Path(__file__).resolve().parent.parent

# Names that other programs own and that lie close to one of ours.
NOT_TYPOS = frozenset({"HOSTNAME", "DEBUGINFOD_URLS", "LOGNAME", "DATABASE_PORT"})

# Those that market.payments knows; it checks its own list against the setting.
GATEWAYS = frozenset({"test", "stripe"})

# As pain.001.001.03, the file for banks, has it.
BIC = r"[A-Z]{6}[A-Z2-9][A-NP-Z0-9]([A-Z0-9]{3})?"

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class ConfigurationError(Exception):
    """Say which variables are wrong, what was expected and what was found, one a line."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        super().__init__("\n".join(problems))


@dataclass(frozen=True)
class Variable:
    """One environment variable. `parse` raises ValueError saying what it expected."""

    name: str
    kind: str
    doc: str
    parse: Callable[[str], Any]
    default: str = ""
    group: str = ""
    default_doc: str = ""
    secret: bool = False


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
    """Read absolute paths. They are not resolved: they are of the workers' machines, perhaps not of this one."""
    found = [Path(word) for word in words(value)]
    for each in found:
        if not each.is_absolute() or ".." in each.parts or len(each.parts) < 2:
            raise ValueError("expected absolute paths of directories, separated by commas")
    return found


POSTGRES = ("postgres", "postgresql")
REDIS = ("redis", "rediss", "redis+socket", "unix")

VARIABLES: tuple[Variable, ...] = (
    Variable(
        "DEBUG",
        "boolean",
        "Development mode: tracebacks in the browser, templates re-read, mail also allowed on the console. "
        "Never on a machine that others reach.",
        boolean,
        "0",
        "General",
    ),
    Variable(
        "DATA_DIR",
        "path",
        "Where the embedded database and broker, uploaded files, mail, logs and the secret keys live.",
        path,
        "",
        "General",
        "`var/` in the checkout",
    ),
    Variable(
        "SECRET_KEY",
        "text",
        "Signs sessions and links. If unset, one is made once and kept in `DATA_DIR/secret_key`. Several machines "
        "must share one.",
        secret_key,
        "",
        "General",
        "made once",
        secret=True,
    ),
    Variable(
        "SEAL_KEY",
        "text",
        "Ed25519 key that signs the ledger's tree and statements: 32 bytes as `openssl rand -hex 32` gives them. If unset, one is "
        "made once and kept in `DATA_DIR/seal_key`. Several machines must share one. Keep a copy: artists know the market by its "
        "public half.",
        seal_key,
        "",
        "General",
        "made once",
        secret=True,
    ),
    Variable(
        "LOG_LEVEL",
        "choice",
        "DEBUG, INFO, WARNING or ERROR.",
        choice("DEBUG", "INFO", "WARNING", "ERROR"),
        "INFO",
        "General",
    ),
    Variable(
        "LOG_FORMAT",
        "choice",
        "`text` for people, `json` (one object a line) for a log collector.",
        choice("text", "json"),
        "text",
        "General",
    ),
    Variable(
        "PORT",
        "integer",
        "Port of the web server.",
        integer(1, 65535),
        "8000",
        "Web",
    ),
    Variable(
        "BIND_ADDRESS",
        "text",
        "Address the web server listens on. Leave it on loopback behind a proxy on the same machine.",
        text,
        "127.0.0.1",
        "Web",
    ),
    Variable(
        "PUBLIC_URL",
        "URL",
        "The address people type. With https, cookies are secure-only, plain http is redirected and HSTS is sent.",
        public_url,
        "",
        "Web",
        "`http://127.0.0.1:PORT`",
    ),
    Variable(
        "ALLOWED_HOSTS",
        "list",
        "Further host names that requests may name, comma-separated. The host of PUBLIC_URL and loopback always may.",
        words,
        "",
        "Web",
    ),
    Variable(
        "FORWARDED_ALLOW_IPS",
        "list",
        "Addresses of reverse proxies whose X-Forwarded-For and X-Forwarded-Proto are believed; `*` for any.",
        words,
        "127.0.0.1",
        "Web",
    ),
    Variable(
        "WEB_WORKERS",
        "integer",
        "Web server processes.",
        integer(1, 64),
        "1",
        "Web",
    ),
    Variable(
        "DATABASE_URL",
        "URL",
        "PostgreSQL 15 or newer with the extensions citext, pg_trgm and vector available: "
        "`postgresql://USER:PASSWORD@HOST:PORT/NAME`.",
        url(*POSTGRES),
        "",
        "Services",
        "the embedded PostgreSQL under `DATA_DIR`",
        secret=True,
    ),
    Variable(
        "DATABASE_POOL",
        "integer",
        "Connections a process keeps in a pool; 0 opens one per request.",
        integer(0, 200),
        "0",
        "Services",
    ),
    Variable(
        "BROKER_URL",
        "URL",
        "Valkey or Redis that carries wake-ups to workers: `redis://HOST:PORT/0`.",
        url(*REDIS),
        "",
        "Services",
        "the embedded Valkey under `DATA_DIR`",
        secret=True,
    ),
    Variable(
        "CACHE_URL",
        "URL",
        "Valkey or Redis for the cache, if it is another than the broker's.",
        url(*REDIS),
        "",
        "Services",
        "database 1 of BROKER_URL",
        secret=True,
    ),
    Variable(
        "MEDIA_ROOT",
        "path",
        "Folder of uploaded works, plug-ins and pictures. Ignored when S3_BUCKET is set.",
        path,
        "",
        "Files",
        "`DATA_DIR/media`",
    ),
    Variable("S3_BUCKET", "text", "Keep files in this S3 bucket instead.", text, "", "Files"),
    Variable(
        "S3_ENDPOINT_URL",
        "URL",
        "S3-compatible endpoint, for a store other than AWS.",
        url("http", "https"),
        "",
        "Files",
    ),
    Variable("S3_REGION", "text", "Region of the bucket.", text, "", "Files"),
    Variable(
        "S3_ACCESS_KEY",
        "text",
        "Access key; without it, boto3's own sources of credentials are used.",
        text,
        "",
        "Files",
        secret=True,
    ),
    Variable("S3_SECRET_KEY", "text", "Secret of S3_ACCESS_KEY.", text, "", "Files", secret=True),
    Variable(
        "UPLOAD_MAX_MB",
        "integer",
        "Largest upload of a work, in MB.",
        integer(1, 500),
        "20",
        "Files",
    ),
    Variable(
        "PLUGIN_MAX_MB",
        "integer",
        "Largest upload of a plug-in, in MB.",
        integer(1, 2000),
        "200",
        "Files",
    ),
    Variable(
        "BASE_MAX_MB",
        "integer",
        "Largest base model that is uploaded, or fetched from a hub, all files together, in MB. 0 takes none.",
        integer(0, 200_000),
        "20000",
        "Files",
    ),
    Variable(
        "UPLOAD_MAX_MEGAPIXELS",
        "integer",
        "Largest picture, in millions of pixels.",
        integer(1, 500),
        "40",
        "Files",
    ),
    Variable(
        "UPLOADS_AT_ONCE",
        "integer",
        "From how many people a web process takes works, controls or plug-ins at once, and from how many parts of base models. "
        "Whoever comes beyond that is asked to come again.",
        integer(1, 200),
        "8",
        "Files",
    ),
    Variable(
        "UPLOAD_READERS",
        "integer",
        "How many child processes of a web process read uploaded files. Each may take 0.3 GB of memory and 32 MB for each of "
        "UPLOAD_MAX_MEGAPIXELS.",
        integer(1, 64),
        "2",
        "Files",
    ),
    Variable(
        "BASE_UPLOADS_MAX_MB",
        "integer",
        "How much all uploads of base models that have not passed a check may have together, as they were announced, in MB.",
        integer(0, 100_000_000),
        "200000",
        "Files",
    ),
    Variable(
        "DEVICE",
        "text",
        "Where the engine runs: `auto` (CUDA if there is one, else CPU), `cpu`, `cuda`, `cuda:N`, `mps`.",
        device,
        "auto",
        "Workers",
    ),
    Variable(
        "WORKERS",
        "integer",
        "Worker processes that `./run` starts. The first does every kind of job, further ones only pictures, "
        "so that nobody waits for a training.",
        integer(1, 16),
        "2",
        "Workers",
    ),
    Variable(
        "BASE_MODEL_DIRS",
        "list",
        "Directories on the workers, comma-separated, below which any model owner may register the diffusers directories that lie "
        "there. Empty: base models come by upload only.",
        directories,
        "",
        "Workers",
    ),
    Variable(
        "ALLOW_HUB",
        "boolean",
        "Whether model owners may name a model on a hub, which the workers fetch over the network.",
        boolean,
        "0",
        "Workers",
    ),
    Variable(
        "HUB_ORGANISATIONS",
        "list",
        "Whose models are taken from the hub: organisations or people, comma-separated. Empty: anybody's.",
        words,
        "",
        "Workers",
    ),
    Variable(
        "HF_ENDPOINT",
        "URL",
        "Where the hub is; another address is for mirrors and stand-ins.",
        url("http", "https", optional=False),
        "https://huggingface.co",
        "Workers",
    ),
    Variable(
        "HF_TOKEN",
        "text",
        "Sent to the hub, for models that ask for one; every model owner may then offer what it opens.",
        text,
        "",
        "Workers",
        secret=True,
    ),
    Variable(
        "JOB_LEASE_SECONDS",
        "integer",
        "How long a worker may go silent before its job is given to another.",
        integer(10, 3600),
        "60",
        "Workers",
    ),
    Variable(
        "SWEEP_SECONDS",
        "integer",
        "How often the sweeper looks for lost jobs and abandoned holds.",
        integer(1, 600),
        "5",
        "Workers",
    ),
    Variable(
        "EXTRACTION_MAX_TARGET",
        "integer",
        "Percent of pictures in which an extracted concept may still be seen when it is asked for. An extraction that misses "
        "this, or one of the next three, is approved only with a reason.",
        integer(0, 100),
        "5",
        "Extractions",
    ),
    Variable(
        "EXTRACTION_MIN_RETAINED",
        "integer",
        "Percent of what the judge saw of all else before that it has to see after an extraction.",
        integer(0, 100),
        "95",
        "Extractions",
    ),
    Variable(
        "EXTRACTION_MAX_RESTORATION_CHANGE",
        "integer",
        "Percent of pictures by which a concept that its plug-in restores may be seen less, or more, often than before.",
        integer(0, 100),
        "1",
        "Extractions",
    ),
    Variable(
        "EXTRACTION_MAX_RECOVERED",
        "integer",
        "Percent of pictures in which the recovery attack may bring an extracted concept back.",
        integer(0, 100),
        "27",
        "Extractions",
    ),
    Variable(
        "RELEASE_MIN_KEPT",
        "integer",
        "Percent of what a base alone draws rightly of all that was not taken out, of styles and of subjects, that its releases are to "
        "keep. Reports warn below it, and an extraction after which less is predicted to be kept is approved only with a reason.",
        integer(0, 100),
        "90",
        "Extractions",
    ),
    Variable(
        "RETRAINING_FEE_CENTS",
        "integer",
        "What the owner of a base pays, in cents, for each plug-in that dropped on a release of it and is trained again. Its "
        "artist pays nothing.",
        integer(0, 10_000),
        "20",
        "Extractions",
    ),
    Variable(
        "COMMISSION_BPS",
        "integer",
        "The platform's share of each fee, in basis points (1000 is 10%), where no rate was set in the administration.",
        integer(0, 10000),
        "1000",
        "Money",
    ),
    Variable(
        "COMBINATION_FEE_CENTS",
        "integer",
        "What combining plug-ins into one costs, in cents, however many they are. The market receives it: it pays for the worker. "
        "0 is free of charge.",
        integer(0, 100_000),
        "50",
        "Money",
    ),
    Variable(
        "PAYMENT_GATEWAYS",
        "list",
        "Gateways offered for topping up, comma-separated: `test`, which works offline, and whose money is not real, and `stripe`.",
        words,
        "",
        "Money",
        "`test` when PUBLIC_URL is loopback, else none",
    ),
    Variable(
        "STRIPE_SECRET_KEY",
        "text",
        "The market's key at Stripe (`sk_…` or a restricted `rk_…`), for the gateway `stripe` and for payouts to accounts there.",
        stripe_key("sk_", "rk_"),
        "",
        "Money",
        secret=True,
    ),
    Variable(
        "STRIPE_WEBHOOK_SECRET",
        "text",
        "What Stripe signs its webhooks to the market with (`whsec_…`).",
        stripe_key("whsec_"),
        "",
        "Money",
        secret=True,
    ),
    Variable(
        "STRIPE_API_URL",
        "URL",
        "Where Stripe's API is; another address is for stand-ins, such as stripe-mock.",
        url("http", "https", optional=False),
        "https://api.stripe.com",
        "Money",
    ),
    Variable(
        "PAYOUT_MINIMUM",
        "integer",
        "The least that is paid out at a time, in whole euros.",
        integer(1, 10_000),
        "10",
        "Money",
    ),
    Variable(
        "PROMOTION_PAYS_ROYALTIES",
        "boolean",
        "Whether promotional credit may be spent on plug-ins, whose artists the market then pays; otherwise on plain base models only.",
        boolean,
        "1",
        "Money",
    ),
    Variable(
        "DISPUTE_DAYS",
        "integer",
        "How many days back a dispute reaches: what the plug-in earned since, and was not paid out, is frozen.",
        integer(1, 3650),
        "90",
        "Money",
    ),
    Variable(
        "PAYOUT_RESERVE_DAYS",
        "integer",
        "How many days earnings stay before they can be paid out.",
        integer(0, 365),
        "7",
        "Money",
    ),
    Variable(
        "PAYOUT_TWO_ADMINS_ABOVE",
        "integer",
        "A batch of payouts above so many euros takes two admins, where there are two: who made it, or checked an account that it "
        "pays, neither approves nor sends it.",
        integer(0, 1_000_000_000),
        "0",
        "Money",
    ),
    Variable(
        "PAYOUT_SENDER_NAME",
        "text",
        "The name on the account that payouts are paid from.",
        text,
        "Plug-in Market",
        "Money",
    ),
    Variable(
        "PAYOUT_SENDER_IBAN",
        "text",
        "The IBAN of that account. Without it a batch is a list (CSV), and no file for the bank (SEPA pain.001).",
        iban,
        "",
        "Money",
    ),
    Variable(
        "PAYOUT_SENDER_BIC",
        "text",
        "The BIC of that account's bank, where the bank asks for it.",
        bic,
        "",
        "Money",
    ),
    Variable(
        "API_REQUESTS_PER_MINUTE",
        "integer",
        "How many requests to the API an API token may make in a minute.",
        integer(1, 1_000_000),
        "300",
        "API",
    ),
    Variable(
        "API_WRITES_PER_MINUTE",
        "integer",
        "How many of these may be other than reading. Parts of base models are not among them.",
        integer(1, 1_000_000),
        "60",
        "API",
    ),
    Variable(
        "CLAIM_ANSWER_DAYS",
        "integer",
        "How many days the owner of a base model, or of a plug-in, has to answer a claim once its evidence is there.",
        integer(4, 365),
        "14",
        "Claims",
    ),
    Variable(
        "CLAIM_APPEAL_DAYS",
        "integer",
        "How many days an artist has to appeal against a rejection.",
        integer(4, 365),
        "14",
        "Claims",
    ),
    Variable(
        "CLAIM_MAX_OPEN",
        "integer",
        "How many claims an artist may have that are not decided yet, drafts among them.",
        integer(1, 10_000),
        "10",
        "Claims",
    ),
    Variable(
        "CLAIM_UNFOUNDED_MAX",
        "integer",
        "After so many claims that admins rejected within CLAIM_UNFOUNDED_DAYS, an artist makes none until the first of them is older.",
        integer(1, 1000),
        "3",
        "Claims",
    ),
    Variable(
        "CLAIM_UNFOUNDED_DAYS", "integer", "See CLAIM_UNFOUNDED_MAX.", integer(1, 3650), "180", "Claims"
    ),
    Variable(
        "TAKEDOWN_COUNTER_DAYS",
        "integer",
        "How many days after a notice's takedown it counts as upheld, and as a strike, where no counter-notice came.",
        integer(1, 365),
        "14",
        "Claims",
    ),
    Variable(
        "TAKEDOWN_RESTORE_BUSINESS_DAYS",
        "integer",
        "How many days, Saturdays and Sundays left out, after a counter-notice a takedown is undone, unless the claimant goes to "
        "court. 12 leaves room for two public holidays within the 10 to 14 business days of 17 U.S.C. 512(g)(2)(C).",
        integer(10, 14),
        "12",
        "Claims",
    ),
    Variable(
        "STRIKES_MAX",
        "integer",
        "With so many strikes (upheld takedowns) within STRIKE_DAYS an artist's publishing is suspended.",
        integer(1, 100),
        "3",
        "Claims",
    ),
    Variable("STRIKE_DAYS", "integer", "How many days a strike counts.", integer(1, 3650), "365", "Claims"),
    Variable(
        "EMAIL_URL",
        "text",
        "`file` writes each mail to `DATA_DIR/mail`, `console` prints it, "
        "`smtp://`, `smtp+tls://` (STARTTLS) or `smtps://USER:PASSWORD@HOST:PORT` sends it.",
        email_url,
        "file",
        "Mail",
        secret=True,
    ),
    Variable("EMAIL_FROM", "text", "Sender of mail.", text, "Plug-in Market <market@localhost>", "Mail"),
)

BY_NAME = {variable.name: variable for variable in VARIABLES}


@dataclass(frozen=True)
class Configuration:
    """The checked values, by variable name, and what follows from several of them together."""

    values: Mapping[str, Any] = field(repr=False)

    def text(self, name: str) -> str:
        return cast("str", self.values[name])

    def number(self, name: str) -> int:
        return cast("int", self.values[name])

    def flag(self, name: str) -> bool:
        return cast("bool", self.values[name])

    def words(self, name: str) -> list[str]:
        return list(cast("list[str]", self.values[name]))

    def paths(self, name: str) -> list[Path]:
        return list(cast("list[Path]", self.values[name]))

    def path(self, name: str) -> Path | None:
        return cast("Path | None", self.values[name])

    @property
    def data_dir(self) -> Path:
        return self.path("DATA_DIR") or ROOT / "var"

    @property
    def media_root(self) -> Path:
        return self.path("MEDIA_ROOT") or self.data_dir / "media"

    @property
    def public_url(self) -> str:
        return self.text("PUBLIC_URL") or f"http://127.0.0.1:{self.number('PORT')}"

    @property
    def is_https(self) -> bool:
        return self.public_url.startswith("https://")

    @property
    def is_local(self) -> bool:
        """Tell whether PUBLIC_URL names this machine only."""
        return urlsplit(self.public_url).hostname in LOOPBACK

    @property
    def allowed_hosts(self) -> list[str]:
        host = urlsplit(self.public_url).hostname or "localhost"
        return list(dict.fromkeys([host, "localhost", "127.0.0.1", "[::1]", *self.words("ALLOWED_HOSTS")]))

    @property
    def payment_gateways(self) -> list[str]:
        return self.words("PAYMENT_GATEWAYS") or (["test"] if self.is_local else [])


def load(environment: Mapping[str, str]) -> Configuration:
    """Check an environment and return its configuration; raise ConfigurationError with every problem found."""
    problems = misspelt(environment)
    values: dict[str, Any] = {}
    for variable in VARIABLES:
        given = environment.get(variable.name)
        try:
            values[variable.name] = variable.parse(variable.default if given is None else given)
        except ValueError as wrong:
            found = "" if variable.secret else f", found {given!r}"
            problems.append(f"{variable.name}: {wrong}{found}.")
    if problems:
        raise ConfigurationError(problems)
    configuration = Configuration(values)
    problems = contradictions(configuration)
    if problems:
        raise ConfigurationError(problems)
    return configuration


def contradictions(configuration: Configuration) -> list[str]:
    """Return the problems that only show when variables are read together."""
    problems = []
    unknown = set(configuration.words("PAYMENT_GATEWAYS")) - GATEWAYS
    if unknown:
        known = " or ".join(sorted(GATEWAYS))
        problems.append(f"PAYMENT_GATEWAYS: expected {known}, found {', '.join(sorted(unknown))}.")
    if bool(configuration.text("S3_ACCESS_KEY")) != bool(configuration.text("S3_SECRET_KEY")):
        problems.append("S3_ACCESS_KEY, S3_SECRET_KEY: expected both or neither.")
    return problems


def misspelt(environment: Mapping[str, str]) -> list[str]:
    """Return a problem for each name that is not a variable but is one or two slips away from one."""
    problems = []
    for name in sorted(environment):
        if name in BY_NAME or name in NOT_TYPOS:
            continue
        for known in BY_NAME:
            # Short names lie close to too much that belongs to others.
            slips = 0 if len(known) < 6 else 1 if len(known) < 10 else 2
            if name.upper() == known or (slips and distance(name.upper(), known, slips) <= slips):
                problems.append(f"{name}: not a variable of this application. Did you mean {known}?")
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


def markdown() -> str:
    """Return the reference table of every variable."""
    lines: list[str] = []
    group = ""
    for variable in VARIABLES:
        if variable.group != group:
            group = variable.group
            lines += ["", f"## {group}", "", "| Variable | Kind | Default | Meaning |", "|---|---|---|---|"]
        default = variable.default_doc or (f"`{variable.default}`" if variable.default else "none")
        secret = " Secret." if variable.secret else ""
        lines.append(f"| `{variable.name}` | {variable.kind} | {default} | {variable.doc}{secret} |")
    return "\n".join(lines).strip() + "\n"


if __name__ == "__main__":
    print(markdown(), end="")
    load(os.environ)
