"""The client that `manage.py selftest` drives the gateway with; tests use the same."""

from __future__ import annotations

from sessions_app.management.selftest.client import GatewayClient, GatewayError

__all__ = ["GatewayClient", "GatewayError"]
