#!/usr/bin/env python
"""Holdfast's command line. `--data-dir PATH` may stand anywhere on it and is read before Django loads."""

from __future__ import annotations

import os
import sys


def take_data_dir(argv: list[str]) -> list[str]:
    """Move `--data-dir PATH` (or `--data-dir=PATH`) from the arguments into HOLDFAST_DATA_DIR.

    Args:
        argv: the command line; it is not changed.

    Returns:
        The command line without the option.

    Raises:
        SystemExit: the option has no value.
    """
    rest: list[str] = []
    words = iter(argv)
    for word in words:
        if word == "--data-dir" or word.startswith("--data-dir="):
            _, has_value, value = word.partition("=")
            value = value if has_value else next(words, "")
            if not value:
                sys.exit("--data-dir needs a path, e.g. --data-dir /var/lib/holdfast")
            os.environ["HOLDFAST_DATA_DIR"] = value
        else:
            rest.append(word)
    return rest


def main() -> None:
    """Run one management command."""
    os.umask(0o077)  # what we write is the owner's alone
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "controlui.settings")
    argv = take_data_dir(sys.argv)
    try:
        from django.core.management import execute_from_command_line
    except ImportError:
        sys.exit("Django is not installed here. `make run` and `make test` install everything into .venv first.")
    execute_from_command_line(argv)


if __name__ == "__main__":
    main()
