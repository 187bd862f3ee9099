"""The cases. Each module measures one promise: its docstring says what, how, and the wanted bound.

A module of this package with `async def run(ground) -> list[Row]` is a case, by its name with - for _ . Nothing else names it.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Coroutine
from typing import Any

from bench.ground import Ground
from bench.rows import Row

Case = Callable[[Ground], Coroutine[Any, Any, list[Row]]]

_NAMES = sorted(module.name for module in pkgutil.iter_modules(__path__))
CASES: dict[str, Case] = {name.replace("_", "-"): importlib.import_module(f"{__name__}.{name}").run for name in _NAMES}
