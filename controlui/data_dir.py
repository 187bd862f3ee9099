"""The data directory: where everything Holdfast keeps lives, readable by its owner only."""

from __future__ import annotations

import os
import secrets
from pathlib import Path


def data_dir_ready(path: Path) -> Path:
    """Make the data directory if it is missing, with rights 0700.

    Args:
        path: where it shall be; a leading `~` is expanded.

    Returns:
        The absolute path.

    Raises:
        SystemExit: the path cannot be made or is no directory; the message says which and why.
    """
    path = path.expanduser().absolute()
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise SystemExit(
            f"The data directory {path} cannot be made: {error.strerror}. Set HOLDFAST_DATA_DIR."
        ) from error
    return path


def secret_key_ready(path: Path) -> str:
    """Read the signing key, or make one on the first start (rights 0600).

    Two processes may start at once: the file is created exclusively, and whoever comes second reads it.
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text(encoding="ascii").strip()
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        key = secrets.token_urlsafe(50)
        file.write(key)
    return key
