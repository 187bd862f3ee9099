"""An archive that a browser sends: written to the data directory as it is parsed, refused when it is too large."""

from __future__ import annotations

import os
import uuid
from pathlib import Path
from typing import Any, BinaryIO

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import FileUploadHandler, StopUpload
from django.http import HttpResponse
from django.shortcuts import redirect
from django.template.defaultfilters import filesizeformat
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_http_methods

from sessions_app import access
from sessions_app.access import Action
from sessions_app.errors import InvalidParamsError, TooLargeError
from sessions_app.runtime.rescue_jobs.asking import incoming_path, upload_ask
from sessions_app.web.request import HtmxHttpRequest, actor_of
from sessions_app.web.rescue import job_url

FIELD = "archive"
_FORM_BYTES = 64 * 1024


class StoreUpload(FileUploadHandler):
    """Writes the one file of the form, with rights for its owner alone."""

    def __init__(self, request: HtmxHttpRequest) -> None:
        super().__init__(request)
        self.path: Path | None = None
        self.is_too_large = False
        self._file: BinaryIO | None = None
        self._size = 0

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        """A file begins; there is room for one."""
        super().new_file(*args, **kwargs)
        if self.path is not None or self.field_name != FIELD:
            raise StopUpload(connection_reset=False)
        self.path = incoming_path(uuid.uuid4())
        self._file = os.fdopen(os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        """A piece of it."""
        del start
        self._size += len(raw_data)
        if self._size > settings.RESCUE_UPLOAD_MAX_BYTES:
            self.is_too_large = True
            raise StopUpload(connection_reset=False)
        assert self._file is not None, "a file begins before its pieces"
        self._file.write(raw_data)

    def file_complete(self, file_size: int) -> UploadedFile[Any]:
        """Its end."""
        assert self._file is not None, "a file begins before it ends"
        self._file.close()
        return UploadedFile(None, self.file_name, size=file_size)

    def forget(self) -> None:
        """Delete what was written, unless it became a job's."""
        if self._file is not None:
            self._file.close()
        if self.path is not None:
            self.path.unlink(missing_ok=True)


@csrf_exempt  # only until it is decided where the file goes: reading the token reads the file
@require_http_methods(["GET", "POST"])
def uploading(request: HtmxHttpRequest) -> HttpResponse:
    """Take an archive and begin to look at it; the form stands on the page of all."""
    if request.method == "GET":
        return redirect("rescue")
    access.require(actor_of(request), Action.MANAGE)
    length = request.META.get("CONTENT_LENGTH") or "0"
    if int(length) > settings.RESCUE_UPLOAD_MAX_BYTES + _FORM_BYTES:
        raise TooLargeError(_too_large())
    handler = StoreUpload(request)
    request.upload_handlers = [handler]
    try:
        response = _uploading(request, handler)
    finally:
        handler.forget()
    return response


@csrf_protect
def _uploading(request: HtmxHttpRequest, handler: StoreUpload) -> HttpResponse:
    request_id = request.POST.get("request_id", "")
    given = request.FILES.get(FIELD)
    if handler.is_too_large:
        raise TooLargeError(_too_large())
    if given is None or handler.path is None:
        raise InvalidParamsError("Choose an archive: .tar.gz, .tgz, .tar, .tar.zst or .zip.", field=FIELD)
    job = upload_ask(actor_of(request), uploaded=handler.path, name=given.name or "", request_id=request_id)
    return redirect(job_url(job))


def _too_large() -> str:
    most = filesizeformat(settings.RESCUE_UPLOAD_MAX_BYTES).replace("\xa0", " ")
    return f"An upload may have {most} (HOLDFAST_RESCUE_UPLOAD_MAX_BYTES). Copy the store to this server and give its path."
