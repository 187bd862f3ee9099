"""One server per data directory, and the second one knows whom to stop."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from sessions_app.runtime.data_lock import DataDirBusyError, serving_lock, serving_process

HOLD = """
import sys, time
from pathlib import Path
from sessions_app.runtime.data_lock import serving_lock
with serving_lock(Path(sys.argv[1]), host="127.0.0.1", port=4321):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path):
    with subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_a_second_server_is_refused_with_the_pid_of_the_first(tmp_path, holder):
    with pytest.raises(DataDirBusyError) as caught, serving_lock(tmp_path, host="127.0.0.1", port=8765):
        pytest.fail("two servers on one directory")
    assert caught.value.owner.pid == holder.pid
    assert str(holder.pid) in str(caught.value)
    assert "port 4321" in str(caught.value)


def test_a_killed_server_leaves_the_directory_free(tmp_path, holder):
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    assert serving_process(tmp_path).pid == holder.pid  # what it said is still there, and is not believed
    with serving_lock(tmp_path, host="127.0.0.1", port=8765):
        assert serving_process(tmp_path).pid == os.getpid()


def test_the_directory_is_free_again_after_the_block(tmp_path):
    for _ in range(2):
        with serving_lock(tmp_path, host="::1", port=1):
            assert serving_process(tmp_path).host == "::1"
    assert serving_process(tmp_path) is None
