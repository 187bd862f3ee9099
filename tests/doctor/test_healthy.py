"""A place with nothing wrong has no findings."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("deep", [True, False])
def test_a_healthy_place_has_no_findings(patient, deep):
    found = patient.examined(deep=deep)
    assert (found.findings, found.known, found.plan) == ((), (), "")
