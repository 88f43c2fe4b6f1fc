"""The web server, and the addresses it answers to."""

from __future__ import annotations

from market.configuration.parsing import integer, public_url, text, words
from market.configuration.variable import Group, Variable

WEB = Group(
    "Web",
    [
        Variable("PORT", "integer", "Port of the web server.", integer(1, 65535), "8000"),
        Variable(
            "BIND_ADDRESS",
            "text",
            "Address the web server listens on. Leave it on loopback behind a proxy on the same machine.",
            text,
            "127.0.0.1",
        ),
        Variable(
            "PUBLIC_URL",
            "URL",
            "The address people type. With https, cookies are secure-only, plain http is redirected and HSTS is sent.",
            public_url,
            default_doc="`http://127.0.0.1:PORT`",
        ),
        Variable(
            "ALLOWED_HOSTS",
            "list",
            "Further host names that requests may name, comma-separated. The host of PUBLIC_URL and loopback always may.",
            words,
        ),
        Variable(
            "FORWARDED_ALLOW_IPS",
            "list",
            "Addresses of reverse proxies whose X-Forwarded-For and X-Forwarded-Proto are believed; `*` for any.",
            words,
            "127.0.0.1",
        ),
        Variable("WEB_WORKERS", "integer", "Web server processes.", integer(1, 64), "1"),
    ],
)
