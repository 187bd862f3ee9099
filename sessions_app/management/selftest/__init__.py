"""Drills an operator can run against a real server on a place of its own: it is killed, and what it promised is counted."""
