"""Readers of other systems' data directories, whole or damaged: values out, no database of ours.

Nothing is ever written into the directory that is read, and no path out of it is followed. What must be remembered of each line lies
in a temporary SQLite file (`ledger`), so that memory stays the same at any size.
"""

from __future__ import annotations
