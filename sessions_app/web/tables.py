"""Tables of operators: filters that live in the URL, and keyset paging with a way back.

A keyset knows only "older than this"; the way back is the list of cursors that led here, kept in the URL as repeated `c`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django import forms
from django.http import HttpRequest, QueryDict


@dataclass(frozen=True, slots=True)
class Chip:
    """One filter in force, with the address of the page without it."""

    label: str
    value: str
    url: str


@dataclass(frozen=True, slots=True)
class Pager:
    """Where Newer and Older lead; empty when there is nothing that way."""

    newer: str
    older: str
    page: int


def cursor_of(request: HttpRequest) -> str:
    """The cursor of the page asked for; empty for the newest."""
    return (request.GET.getlist("c") or [""])[-1]


def pager(request: HttpRequest, next_cursor: str | None) -> Pager:
    """Newer and Older for this page.

    Args:
        request: its URL holds filters and the cursors that led here.
        next_cursor: of the selector's answer.
    """
    trail = request.GET.getlist("c")
    newer = _url(request, c=trail[:-1]) if trail else ""
    older = _url(request, c=[*trail, next_cursor]) if next_cursor else ""
    return Pager(newer, older, len(trail) + 1)


def chips(request: HttpRequest, form: forms.Form) -> list[Chip]:
    """The filters in force, without the search box, which shows itself.

    Args:
        request: its URL holds them.
        form: the bound filter form.
    """
    found = []
    for name, field in form.fields.items():
        value = form.cleaned_data.get(name) if form.is_valid() else None
        if value and name != "q":
            found.append(Chip(str(field.label), _shown(field, value), _url(request, **{name: [], "c": []})))
    return found


def _shown(field: forms.Field, value: Any) -> str:
    if isinstance(field, forms.BooleanField):
        return "yes"
    choices: dict[Any, Any] = dict(getattr(field, "choices", ()))
    return str(choices.get(value, value))


def _url(request: HttpRequest, **changes: list[str]) -> str:
    query: QueryDict = request.GET.copy()
    for name, values in changes.items():
        if values:
            query.setlist(name, values)
        else:
            query.pop(name, None)
    return f"{request.path}?{query.urlencode()}" if query else request.path
