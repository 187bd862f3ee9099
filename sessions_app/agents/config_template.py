"""The agents.toml that an empty data directory gets: the demo at work, everything else as comments to uncomment."""

from __future__ import annotations

AGENTS_TOML_TEMPLATE = """\
# Which agents answer in Holdfast. Restart the server after a change; a mistake is named with its line.
# One section per agent: [agents.NAME] serves the conversations whose session key is agent:NAME:...
# [agents.main] must be there. Keys of providers never stand in this file: put a key into an environment variable
# of the server, and the variable's name into api_key_env.

[agents.main]
backend = "demo"        # built in, no model behind it; quotes your messages, so that reset and restore can be tried
# pace_seconds = 0.02   # pause before each word
# compact_at = 0.7      # share of context_tokens from which on older messages are summarised by themselves; 0 for never
# resume = "manual"     # a run that a crash interrupted: "manual" waits for Retry, "auto" runs it again

# To use a real model, replace the section above by one of these. Every server with OpenAI's chat completions will do.

# OpenAI
# [agents.main]
# backend = "openai"
# base_url = "https://api.openai.com/v1"
# model = "gpt-4.1-mini"
# api_key_env = "OPENAI_API_KEY"
# system_prompt = "You are a helpful assistant."
# timeout_seconds = 120     # longest silence, before the first word and between two
# context_tokens = 128000   # the model's window; older turns are left out of a request that would not fit

# Ollama on this machine (no key). It cuts a request that is too long without saying so: set context_tokens to its num_ctx.
# [agents.main]
# backend = "openai"
# base_url = "http://127.0.0.1:11434/v1"
# model = "llama3.2"
# context_tokens = 4096

# vLLM on this machine (api_key_env only if it was started with --api-key)
# [agents.main]
# backend = "openai"
# base_url = "http://127.0.0.1:8000/v1"
# model = "Qwen/Qwen2.5-7B-Instruct"
# context_tokens = 32768

# OpenRouter
# [agents.main]
# backend = "openai"
# base_url = "https://openrouter.ai/api/v1"
# model = "openrouter/auto"
# api_key_env = "OPENROUTER_API_KEY"

# An OpenClaw gateway's own endpoint (switched on there: gateway.http.endpoints.chatCompletions.enabled)
# [agents.main]
# backend = "openai"
# base_url = "http://127.0.0.1:18789/v1"
# model = "openclaw"
# api_key_env = "OPENCLAW_GATEWAY_TOKEN"
# timeout_seconds = 600     # its agent may work long before the first word
"""
