"""Writes: one public verb is one transaction is row, audit and event. Verbs run through a writer (`runtime.writers`)."""
