"""Django's SQLite engine, with a wait for the writing lock that asks often."""

from __future__ import annotations
