"""Sessions out of here and in again: packages of JSON lines with a manifest (docs/export.md)."""
