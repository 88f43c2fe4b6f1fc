"""Database, broker and cache."""

from __future__ import annotations

from market.configuration.parsing import POSTGRES, REDIS, integer, url
from market.configuration.variable import Group, Variable

SERVICES = Group(
    "Services",
    [
        Variable(
            "DATABASE_URL",
            "URL",
            "PostgreSQL 15 or newer with the extensions citext, pg_trgm and vector available: "
            "`postgresql://USER:PASSWORD@HOST:PORT/NAME`.",
            url(*POSTGRES),
            default_doc="the embedded PostgreSQL under `DATA_DIR`",
            secret=True,
        ),
        Variable(
            "DATABASE_POOL",
            "integer",
            "Connections a process keeps in a pool; 0 opens one per request.",
            integer(0, 200),
            "0",
        ),
        Variable(
            "BROKER_URL",
            "URL",
            "Valkey or Redis that carries wake-ups to workers: `redis://HOST:PORT/0`.",
            url(*REDIS),
            default_doc="the embedded Valkey under `DATA_DIR`",
            secret=True,
        ),
        Variable(
            "CACHE_URL",
            "URL",
            "Valkey or Redis for the cache, if it is another than the broker's.",
            url(*REDIS),
            default_doc="database 1 of BROKER_URL",
            secret=True,
        ),
    ],
)
