"""`manage.py check`: what would make this place unsafe or slow, and what to do about it."""

from __future__ import annotations

import importlib
import re
import stat
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register
from django.core.checks import Warning as Caution

SQLITE_PRAGMAS = {"journal_mode": "WAL", "synchronous": "FULL", "foreign_keys": "ON"}
_PRAGMA = re.compile(r"PRAGMA\s+(\w+)\s*=\s*(\w+)", re.IGNORECASE)
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def registered() -> None:
    """Let `manage.py check` run what is here."""
    for check in (hosts_check, database_check, accelerator_check, secret_key_check, data_dir_check):
        register(check)


def hosts_check(app_configs: Any, **_kwargs: Any) -> list[CheckMessage]:
    """A server that answers to any name can be made to write foreign names into links, and to trust foreign pages."""
    if settings.DEBUG or "*" not in settings.ALLOWED_HOSTS:
        return []
    hint = "Set HOLDFAST_ALLOWED_HOSTS to the names people use, e.g. chat.example,127.0.0.1."
    return [Error("The server answers to every host name.", hint=hint, id="holdfast.E001")]


def database_check(app_configs: Any, **_kwargs: Any) -> list[CheckMessage]:
    """On SQLite, acknowledged means durable only with these options; DATABASE_URL=sqlite://... comes without them."""
    database = settings.DATABASES["default"]
    if not database["ENGINE"].endswith("sqlite3"):
        return []
    options = database.get("OPTIONS", {})
    pragmas = {name.lower(): value.upper() for name, value in _PRAGMA.findall(options.get("init_command", ""))}
    wrong = [f"{name}={value}" for name, value in SQLITE_PRAGMAS.items() if pragmas.get(name) != value]
    if options.get("transaction_mode") != "IMMEDIATE":
        wrong.append("transaction_mode=IMMEDIATE")
    if not wrong:
        return []
    hint = "Unset DATABASE_URL: SQLite in the data directory has them. DATABASE_URL is for PostgreSQL."
    message = f"SQLite is opened without what durability needs: {', '.join(wrong)}."
    return [Error(message, hint=hint, id="holdfast.E002")]


def accelerator_check(app_configs: Any, **_kwargs: Any) -> list[CheckMessage]:
    """Without its compiled part autobahn masks and checks every byte of every frame in Python."""
    if importlib.import_module("autobahn.websocket").USES_NVX:
        return []
    hint = "Install autobahn's wheel for this platform, or build it where a C compiler and cffi are; unset AUTOBAHN_USE_NVX."
    return [Caution("autobahn runs without its compiled part: large frames are slow.", hint=hint, id="holdfast.W003")]


def secret_key_check(app_configs: Any, **_kwargs: Any) -> list[CheckMessage]:
    """Who reads the signing key can sign in as anybody."""
    path = settings.DATA_DIR / "secret_key"
    return _private(path, "The signing key", f"chmod 600 {path}", "holdfast.E004")


def data_dir_check(app_configs: Any, **_kwargs: Any) -> list[CheckMessage]:
    """What is in the data directory is private."""
    path = settings.DATA_DIR
    return _private(path, "The data directory", f"chmod 700 {path}", "holdfast.E005")


def _private(path: Path, what: str, mend: str, check_id: str) -> list[CheckMessage]:
    try:
        rights = stat.S_IMODE(path.stat().st_mode)
    except FileNotFoundError:
        return []  # nothing there to read: HOLDFAST_SECRET_KEY, or a place that was never started
    if not rights & _OTHERS:
        return []
    return [
        Error(f"{what} {path} has the rights {rights:o}: others than its owner may use it.", hint=mend, id=check_id)
    ]
