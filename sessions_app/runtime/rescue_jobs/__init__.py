"""Long work of the Rescue page: a job is a folder in the data directory, carried out by a process of its own, one at a time.

`job` is what is stored, `asking` what people may ask for, `supervisor` runs jobs beside the server, `working` is what the process does.
"""

from __future__ import annotations
