"""What the Operations page is told."""

from __future__ import annotations

import pytest

from sessions_app.errors import ForbiddenError
from sessions_app.runtime.backup import backup_make
from sessions_app.runtime.doctor.overview import doctor_examine, doctor_overview
from sessions_app.runtime.storage import KINDS, storage_measure

pytestmark = pytest.mark.django_db(transaction=True)


def test_it_knows_the_last_examination_the_storage_and_the_backups(patient, tmp_path):
    admin = patient.world.admin
    examined, measured = doctor_examine(admin), storage_measure(admin)
    made = backup_make(tmp_path / "one.tar.gz")
    told = doctor_overview(admin)
    assert (told["examination"], told["storage"]) == (examined, measured)
    assert [(row["path"], row["exists"]) for row in told["backups"]] == [(made["path"], True)]
    assert set(measured["kinds"]) == {*KINDS, "other"}
    assert all(measured["kinds"][kind] > 0 for kind in ("entries", "events", "audit", "receipts"))


@pytest.mark.parametrize("ask", [doctor_examine, doctor_overview, storage_measure])
def test_only_who_manages_is_told(patient, ask):
    with pytest.raises(ForbiddenError):
        ask(patient.world.operator)
