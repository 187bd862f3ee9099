"""The files a person edits: written once with comments where none are, never touched again."""

from __future__ import annotations

import os
from pathlib import Path

from sessions_app.agents.config_template import AGENTS_TOML_TEMPLATE
from sessions_app.runtime.hooks.config_template import HOOKS_TOML_TEMPLATE

TEMPLATES = {"agents.toml": AGENTS_TOML_TEMPLATE, "hooks.toml": HOOKS_TOML_TEMPLATE}


def config_files_ready(data_dir: Path) -> list[Path]:
    """Write the configuration files that are missing, readable by their owner only; they may come to hold secrets.

    Args:
        data_dir: where they live; must exist.

    Returns:
        The files that were written, none when all were there.
    """
    written = []
    for name, text in TEMPLATES.items():
        path = data_dir / name
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            continue
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        written.append(path)
    return written
