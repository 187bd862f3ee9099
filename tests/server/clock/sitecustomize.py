"""Python imports this first when its folder is on PYTHONPATH: the process then lives at another time, and that time goes on."""

from __future__ import annotations

import os

import time_machine

if moment := os.environ.get("CLOCK"):
    time_machine.travel(moment, tick=True).start()
