"""Settings of the tests: a data directory of their own, and one of the two engines.

SQLite by default; `TEST_ENGINE=postgres` runs the same tests on PostgreSQL (TEST_POSTGRES_URL, the machine's own by default).
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile

_data_dir = tempfile.mkdtemp(prefix="holdfast-tests-")
atexit.register(shutil.rmtree, _data_dir, ignore_errors=True)
os.environ["HOLDFAST_DATA_DIR"] = _data_dir

POSTGRES_URL = os.environ.get("TEST_POSTGRES_URL", "postgres://postgres@127.0.0.1:5432/postgres")
if os.environ.get("TEST_ENGINE") == "postgres":
    os.environ["DATABASE_URL"] = POSTGRES_URL
else:
    os.environ.pop("DATABASE_URL", None)

from controlui.settings import *  # noqa: E402, F403

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
