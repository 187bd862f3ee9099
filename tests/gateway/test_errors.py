"""Every error code has its kind, its HTTP status and its advice; and an unknown error shows an id and nothing else."""

from __future__ import annotations

from http import HTTPStatus

import pytest

from sessions_app import errors
from sessions_app.errors import ErrorCode, HoldfastError
from sessions_app.gateway.errors import HTTP_STATUS, as_holdfast, error_json
from sessions_app.gateway.reference import ADVICE
from sessions_app.web.errors import PAGES

KINDS = [
    kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, HoldfastError) and kind is not HoldfastError
]


def test_every_code_has_a_status_a_page_and_advice():
    assert set(HTTP_STATUS) == set(PAGES) == set(ADVICE) == set(ErrorCode)


def test_every_code_has_exactly_one_kind():
    assert sorted(kind.code for kind in KINDS) == sorted(ErrorCode)


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_has_words_and_a_status_of_an_error(kind):
    error = kind(detail=1)
    assert len(error.message) > 10
    assert error_json(error) == {
        "code": str(kind.code),
        "message": error.message,
        "retryable": kind.retryable,
        "details": {"detail": 1},
    }
    assert HTTP_STATUS[kind.code] >= HTTPStatus.BAD_REQUEST
    assert (HTTP_STATUS[kind.code] in {429, 502, 503}) == kind.retryable


def test_an_error_of_ours_passes_and_any_other_shows_its_id_only(caplog):
    known = errors.NotFoundError("not here")
    assert as_holdfast(known, "chat.send") is known
    unknown = as_holdfast(ZeroDivisionError("secret"), "chat.send")
    assert unknown.code == ErrorCode.INTERNAL
    assert "secret" not in unknown.message
    assert unknown.details["errorId"] in unknown.message
    assert unknown.details["errorId"] in caplog.text
    assert "secret" in caplog.text
