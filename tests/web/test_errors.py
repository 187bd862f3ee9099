"""Refusals as pages and notices: the table is complete, and each says what is safe and what to do."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory
from django_htmx.middleware import HtmxMiddleware

from sessions_app import errors
from sessions_app.errors import ErrorCode, HoldfastError
from sessions_app.web.errors import PAGES, HoldfastErrorMiddleware, error_response

KINDS = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, HoldfastError)]


def request(*, htmx: bool) -> HttpRequest:
    made = RequestFactory().get("/", headers={"HX-Request": "true"} if htmx else {})
    made.user = AnonymousUser()
    made.session = {}  # type: ignore[assignment]
    HtmxMiddleware(lambda _request: HttpResponse())(made)
    return made


def test_every_code_has_a_page() -> None:
    assert set(PAGES) == set(ErrorCode)


@pytest.mark.parametrize("kind", KINDS)
def test_a_page_says_what_happened_what_is_safe_and_what_to_do(kind: type[HoldfastError]) -> None:
    answer = error_response(request(htmx=False), kind("It happened."))
    page = PAGES[kind.code]
    html = answer.content.decode()
    assert answer.status_code == page.status
    for words in ("It happened.", page.safe, page.todo):
        assert words in html


@pytest.mark.parametrize("kind", KINDS)
def test_a_notice_goes_where_notices_go(kind: type[HoldfastError]) -> None:
    answer = error_response(request(htmx=True), kind())
    assert answer["HX-Retarget"] == "#toasts"
    assert "<html" not in answer.content.decode()


def test_what_is_no_refusal_is_left_to_django() -> None:
    middleware = HoldfastErrorMiddleware(lambda _request: HttpResponse())
    assert middleware.process_exception(request(htmx=False), ValueError()) is None


def test_a_mistake_of_ours_carries_an_id_that_is_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    answer = error_response(request(htmx=False), errors.InternalError("Odd."))
    logged = caplog.messages[-1].split()[2].rstrip(":")
    assert logged in answer.content.decode()
