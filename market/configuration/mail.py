"""How mail is sent."""

from __future__ import annotations

from market.configuration.parsing import email_url, text
from market.configuration.variable import Group, Variable

MAIL = Group(
    "Mail",
    [
        Variable(
            "EMAIL_URL",
            "text",
            "`file` writes each mail to `DATA_DIR/mail`, `console` prints it, "
            "`smtp://`, `smtp+tls://` (STARTTLS) or `smtps://USER:PASSWORD@HOST:PORT` sends it.",
            email_url,
            "file",
            secret=True,
        ),
        Variable("EMAIL_FROM", "text", "Sender of mail.", text, "Plug-in Market <market@localhost>"),
    ],
)
