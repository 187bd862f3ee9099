"""Forms of the pages: what a filter or a sign-in may say. Writes have no forms of their own: verbs check what they get."""

from __future__ import annotations

from typing import Any, cast

from django import forms
from django.contrib.auth.forms import AuthenticationForm

from sessions_app.rescue.findings import WORDS
from sessions_app.rescue.names import FileKind
from sessions_app.values import AuditType, ConversationKind, Outcome, Trigger
from sessions_app.web import rescue_words, words

_TEXT = {"class": "input"}


def _choice(label: str, pairs: list[tuple[str, str]]) -> forms.ChoiceField:
    widget = forms.Select(attrs={"class": "input"})
    return forms.ChoiceField(label=label, required=False, choices=[("", "any"), *pairs], widget=widget)


def _text(label: str) -> forms.CharField:
    return forms.CharField(label=label, required=False, max_length=200, widget=forms.TextInput(attrs=_TEXT))


def _day(label: str) -> forms.DateTimeField:
    widget = forms.DateInput(attrs={"class": "input", "type": "date"}, format="%Y-%m-%d")
    return forms.DateTimeField(label=label, required=False, widget=widget)


class FilterForm(forms.Form):
    """A filter of a table. Its fields are the URL's words; whatever does not fit is left out, never an error page."""

    def given(self) -> dict[str, Any]:
        """What was asked for and is understood."""
        self.is_valid()
        return {name: value for name, value in self.cleaned_data.items() if value not in ("", None, False)}


class SessionFilter(FilterForm):
    """Filters of the Sessions page."""

    q = _text("Search")
    kind = _choice("Kind", [(str(kind), words.KINDS.get(kind, str(kind))) for kind in ConversationKind])
    owner = _text("Owner")
    mine = forms.BooleanField(label="Only mine", required=False)


class ArchiveFilter(FilterForm):
    """Filters of the Archives page."""

    q = _text("Search")
    trigger = _choice("Trigger", [(str(trigger), words.TRIGGERS.get(trigger, str(trigger))) for trigger in Trigger])
    by = _text("Archived by")
    key = _text("Session key")


class SearchFilter(FilterForm):
    """Filters of the Search page."""

    q = forms.CharField(label="Search", required=False, strip=False)
    key = _text("Session key")
    role = _choice("Said by", list(words.ROLES.items()))
    agent = _text("Agent")
    state = _choice("Sessions", [("current", "current"), ("archived", "archived")])
    after = _day("From")
    before = _day("Before")
    order = _choice("Order", [("rank", "best match")])


class AuditFilter(FilterForm):
    """Filters of the Audit page."""

    type = _choice("What", [(str(kind), words.AUDIT_TYPES.get(kind, str(kind))) for kind in AuditType])
    outcome = _choice("Outcome", [(str(outcome), words.OUTCOMES.get(outcome, str(outcome))) for outcome in Outcome])
    trigger = _choice("Trigger", [(str(trigger), words.TRIGGERS.get(trigger, str(trigger))) for trigger in Trigger])
    actor = _text("Who")
    key = _text("Session key")
    after = _day("From")
    before = _day("Before")


class PeopleFilter(FilterForm):
    """Filters of the People page."""

    q = _text("Search")
    group = _choice("Group", [])
    state = _choice("State", [("active", "active"), ("disabled", "disabled")])

    def __init__(self, *args: Any, groups: list[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = cast(forms.ChoiceField, self.fields["group"])
        field.choices = [("", "any"), *((name, name) for name in groups)]


class RescueKeyFilter(FilterForm):
    """Filters of the sessions of a rescue report."""

    q = _text("Search")
    agent = _text("Agent")
    key = _text("Session key")


class RescueFileFilter(FilterForm):
    """Filters of the files of a rescue report."""

    q = _text("Search")
    kind = _choice("Kind", [(str(kind), rescue_words.RESCUE_FILES[kind]) for kind in FileKind])
    agent = _text("Agent")
    key = _text("Session key")
    trouble = forms.BooleanField(label="Only with lines that are not adopted", required=False)


class RescueFindingFilter(FilterForm):
    """Filters of the findings of a rescue report."""

    q = _text("Search")
    code = _choice("Finding", [(code, code) for code in WORDS])
    key = _text("Session key")


class SignInForm(AuthenticationForm):
    """Name and password, with fields that look like ours."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            field.widget.attrs["class"] = "input"
