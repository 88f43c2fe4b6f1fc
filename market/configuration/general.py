"""Settings of the whole market: its data folder, keys and logs."""

from __future__ import annotations

from market.configuration.parsing import boolean, choice, path, seal_key, secret_key
from market.configuration.variable import Group, Variable

GENERAL = Group(
    "General",
    [
        Variable(
            "DEBUG",
            "boolean",
            "Development mode: tracebacks in the browser, templates re-read, mail also allowed on the console. "
            "Never on a machine that others reach.",
            boolean,
            "0",
        ),
        Variable(
            "DATA_DIR",
            "path",
            "Where the embedded database and broker, uploaded files, mail, logs and the secret keys live.",
            path,
            default_doc="`var/` in the checkout",
        ),
        Variable(
            "SECRET_KEY",
            "text",
            "Signs sessions and links. If unset, one is made once and kept in `DATA_DIR/secret_key`. Several machines "
            "must share one.",
            secret_key,
            default_doc="made once",
            secret=True,
        ),
        Variable(
            "SEAL_KEY",
            "text",
            "Ed25519 key that signs the ledger's tree and statements: 32 bytes as `openssl rand -hex 32` gives them. If unset, one is "
            "made once and kept in `DATA_DIR/seal_key`. Several machines must share one. Keep a copy: artists know the market by its "
            "public half.",
            seal_key,
            default_doc="made once",
            secret=True,
        ),
        Variable(
            "LOG_LEVEL",
            "choice",
            "DEBUG, INFO, WARNING or ERROR.",
            choice("DEBUG", "INFO", "WARNING", "ERROR"),
            "INFO",
        ),
        Variable(
            "LOG_FORMAT",
            "choice",
            "`text` for people, `json` (one object a line) for a log collector.",
            choice("text", "json"),
            "text",
        ),
    ],
)
