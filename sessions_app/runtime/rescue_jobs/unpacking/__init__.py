"""Uploaded archives: `.tar`, `.tar.gz`, `.tgz`, `.tar.zst`, `.zip`. Told apart by their content; their names are not believed.

A name that leads out of the archive refuses all of it. Links and devices are left out and listed. What counts are the bytes that come
out, not the sizes that an archive claims.
"""

from __future__ import annotations

from pathlib import Path

from sessions_app.errors import InvalidParamsError
from sessions_app.runtime.rescue_jobs.unpacking.target import Limits, Target, Told
from sessions_app.runtime.rescue_jobs.unpacking.tars import tar_stream, tar_unpacked
from sessions_app.runtime.rescue_jobs.unpacking.zips import zip_unpacked
from sessions_app.values import Json

__all__ = ["Limits", "unpacked"]

_HEAD_BYTES = 512
_UNKNOWN = "This is no archive that can be read. Upload a .tar.gz, .tgz, .tar, .tar.zst or .zip."


def unpacked(archive: Path, folder: Path, limits: Limits, told: Told) -> Json:
    """Unpack an archive into a new folder.

    Args:
        archive: the uploaded file.
        folder: where to; must not exist.
        limits: of the whole.
        told: progress: (bytes done, bytes in all, name).

    Returns:
        {files, bytes, leftOut: [{name, why}], leftOutCount}.

    Raises:
        InvalidParamsError: it is no archive, is broken, encrypted, or names places outside of itself.
        TooLargeError: it holds more than the limits allow, or than the disk has room for.
    """
    target = Target(folder, limits, told)
    with archive.open("rb") as file:
        head = file.read(_HEAD_BYTES)
        file.seek(0)
        if head[:4] in (b"PK\x03\x04", b"PK\x05\x06"):
            zip_unpacked(file, target)
        elif (stream := tar_stream(file, head, target)) is not None:
            tar_unpacked(stream, target)
        else:
            raise InvalidParamsError(_UNKNOWN)
    return target.facts()
