"""Lifecycle hooks on their way: who is told (hooks.toml), how (webhook, command), when and how often (docs/hooks.md)."""
