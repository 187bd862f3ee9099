"""Reads. Each serves one question, asks `access` first and states its query count; answers speak the protocol's words."""
