"""Composition root: settings, ASGI application and URLs. Wiring only."""
