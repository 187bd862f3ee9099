"""Holdfast: sessions, transcripts, reset, restore and audit for long-running agents.

The floors of the house, and who may import whom, are in docs/architecture.md.
"""
