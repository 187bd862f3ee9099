"""hooks.toml: what it says, and what is said about its mistakes."""

from __future__ import annotations

import re

import pytest

from sessions_app.runtime.hooks.config import CommandSettings, HooksConfigError, WebhookSettings, hooks_load
from sessions_app.runtime.hooks.config_template import HOOKS_TOML_TEMPLATE

WEB = '[subscribers.web]\nkind = "webhook"\nurl = "https://h/x"\nsecret_env = "S"\n'
RUN = '[subscribers.run]\nkind = "command"\nargv = ["true"]\n'


def load(tmp_path, text):
    path = tmp_path / "hooks.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return hooks_load(path)


def problems(tmp_path, text):
    with pytest.raises(HooksConfigError) as wrong:
        load(tmp_path, text)
    assert wrong.value.message == "\n".join(wrong.value.problems)
    assert wrong.value.details == {"problems": list(wrong.value.problems)}
    return wrong.value.problems


def test_without_a_file_nobody_is_told(tmp_path):
    config = hooks_load(tmp_path / "hooks.toml")
    assert (config.subscribers, config.idle_seconds) == ({}, None)


def test_the_template_tells_nobody_until_its_examples_are_uncommented(tmp_path):
    assert load(tmp_path, HOOKS_TOML_TEMPLATE).subscribers == {}
    uncommented = re.sub(r"(?m)^# (?=\[|\w+ = )", "", HOOKS_TOML_TEMPLATE)
    config = load(tmp_path, uncommented)
    assert list(config.subscribers) == ["notify", "cleanup"]
    assert config.idle_seconds == 1800


def test_a_section_has_defaults(tmp_path):
    config = load(tmp_path, WEB + RUN)
    web, run = config.subscribers["web"], config.subscribers["run"]
    assert isinstance(web, WebhookSettings)
    assert isinstance(run, CommandSettings)
    for each in (web, run):
        assert each.events == ["session_start", "session_end"]
        assert (each.timeout_seconds, each.max_attempts, each.enabled) == (10, 8, True)
    assert config.directory == tmp_path


def test_a_disabled_subscriber_is_known_but_not_told(tmp_path):
    config = load(tmp_path, WEB + "enabled = false\n" + RUN)
    assert list(config.subscribers) == ["web", "run"]
    assert list(config.enabled) == ["run"]


KNOWN = "session_start, session_end, before_reset, run_end, compaction"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a = = 2\n", "hooks.toml line 1: is no valid TOML: Invalid value"),
        (b"# \xff\n", "hooks.toml line 1: is not UTF-8 text"),
        (
            "speed = 1\n",
            "hooks.toml line 1: speed: unknown; this file holds idle_seconds and [subscribers.NAME] sections only",
        ),
        ("idle_seconds = 0\n", "hooks.toml line 1: idle_seconds: input should be greater than or equal to 1"),
        ('idle_seconds = "1h"\n', "hooks.toml line 1: idle_seconds: input should be a valid number"),
        ("subscribers = 1\n", "hooks.toml line 1: subscribers: must be sections: [subscribers.NAME]"),
        ("[subscribers]\nx = 1\n", "hooks.toml line 2: subscribers.x: must be a section: [subscribers.x]"),
        ('[subscribers."My Hook"]\n', 'hooks.toml line 1: subscribers."My Hook": a name has small letters'),
        ("[subscribers.x]\n", 'hooks.toml line 1: subscribers.x.kind: missing; one of "webhook", "command"'),
        ('[subscribers.x]\nkind = "mail"\n', 'hooks.toml line 2: subscribers.x.kind: unknown kind "mail"; one of'),
        ("[subscribers.x]\nkind = 1\n", "hooks.toml line 2: subscribers.x.kind: unknown kind 1; one of"),
        ('[subscribers.x]\nkind = "command"\n', "hooks.toml line 1: subscribers.x.argv: missing"),
        (
            '[subscribers.x]\nkind = "command"\nargv = "ls"\n',
            "hooks.toml line 3: subscribers.x.argv: input should be a valid list",
        ),
        (
            '[subscribers.x]\nkind = "command"\nargv = []\n',
            "hooks.toml line 3: subscribers.x.argv: list should have at least 1",
        ),
        (
            '[subscribers.x]\nkind = "command"\nargv = [""]\n',
            "hooks.toml line 3: subscribers.x.argv.0: must not be empty",
        ),
        (
            '[subscribers.x]\nkind = "webhook"\nurl = "http://h"\n',
            "hooks.toml line 1: subscribers.x.secret_env: missing",
        ),
        (
            WEB + "timeout_seconds = 0\n",
            "hooks.toml line 5: subscribers.web.timeout_seconds: input should be greater than 0",
        ),
        (WEB + "timeout_seconds = inf\n", "hooks.toml line 5: subscribers.web.timeout_seconds: input should be"),
        (
            WEB + "max_attempts = 0\n",
            "hooks.toml line 5: subscribers.web.max_attempts: input should be greater than or equal",
        ),
        (WEB + 'enabled = "yes"\n', "hooks.toml line 5: subscribers.web.enabled: input should be a valid boolean"),
        (WEB + 'events = ["session_ends"]\n', f"hooks.toml line 5: subscribers.web.events.0: must be one of {KNOWN}"),
        (WEB + "events = []\n", "hooks.toml line 5: subscribers.web.events: list should have at least 1"),
        (
            WEB + "retries = 3\n",
            "hooks.toml line 5: subscribers.web.retries: unknown; known here: kind, events, timeout_seconds",
        ),
        (WEB.replace("https://h/x", "h/x"), "hooks.toml line 3: subscribers.web.url: must be a URL like"),
        (WEB.replace("https://h/x", "ftp://h/x"), "hooks.toml line 3: subscribers.web.url: must be a URL like"),
        (WEB.replace("https://h/x", "https://h:99999/x"), "hooks.toml line 3: subscribers.web.url: port out of range"),
        (
            WEB.replace("https://h/x", "https://a:hunter2@h/x"),
            "hooks.toml line 3: subscribers.web.url: must not hold a user name",
        ),
        (
            WEB + 'secret = "hunter2"\n',
            "hooks.toml line 5: subscribers.web.secret: unknown; secrets never stand in this file",
        ),
        (
            WEB.replace('"S"', '"hunter2"'),
            "hooks.toml line 4: subscribers.web.secret_env: must be the name of an environment",
        ),
    ],
)
def test_a_mistake_names_file_line_and_key(tmp_path, text, problem):
    found = problems(tmp_path, text)
    assert len(found) == 1
    assert found[0].startswith(problem)
    assert "hunter2" not in found[0]


def test_all_mistakes_are_told_at_once(tmp_path):
    text = 'speed = 1\n[subscribers.a]\n[subscribers.b]\nkind = "command"\nx = 1\n'
    assert [problem.split(": ")[1] for problem in problems(tmp_path, text)] == [
        "speed",
        "subscribers.a.kind",
        "subscribers.b.argv",
        "subscribers.b.x",
    ]


def test_a_file_that_cannot_be_read_says_so(tmp_path):
    (tmp_path / "hooks.toml").mkdir()
    with pytest.raises(HooksConfigError, match="cannot be read: Is a directory"):
        hooks_load(tmp_path / "hooks.toml")
