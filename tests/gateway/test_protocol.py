"""Frames by table: what is refused, with which words, under which id; and that whatever is answered can be sent."""

from __future__ import annotations

import json

import pytest

from sessions_app.errors import ErrorCode, InvalidParamsError
from sessions_app.gateway.protocol import FRAME_ID_MAX_CHARS, FrameError, answer_encode, error_encode, request_parse

GOOD = {"type": "req", "id": "1", "method": "m", "params": {}}


def bad(**fields):
    return json.dumps({**GOOD, **fields})


BAD_FRAMES = {
    "empty": ("", None),
    "no json": ("{", None),
    "a word": ("hello", None),
    "null": ("null", None),
    "a list": ("[]", None),
    "a number": ("7", None),
    "a string": ('"req"', None),
    "deep": ("[" * 100_000 + "]" * 100_000, None),
    "deep object": ('{"a":' * 100_000 + "1" + "}" * 100_000, None),
    "long number": ('{"type":"req","id":"1","method":"m","params":{"n":' + "9" * 6000 + "}}", None),
    "no id": ('{"type":"req","method":"m"}', None),
    "id null": (bad(id=None), None),
    "id number": (bad(id=7), None),
    "id empty": (bad(id=""), None),
    "id long": (bad(id="x" * (FRAME_ID_MAX_CHARS + 1)), None),
    "no type": ('{"id":"1","method":"m"}', "1"),
    "type res": (bad(type="res"), "1"),
    "type number": (bad(type=1), "1"),
    "no method": ('{"type":"req","id":"1"}', "1"),
    "method null": (bad(method=None), "1"),
    "method list": (bad(method=["m"]), "1"),
    "params list": (bad(params=[]), "1"),
    "params null": (bad(params=None), "1"),
    "params string": (bad(params="{}"), "1"),
}


@pytest.mark.parametrize("name", BAD_FRAMES)
def test_a_bad_frame_is_refused_under_its_id_if_it_has_one(name):
    text, frame_id = BAD_FRAMES[name]
    with pytest.raises(FrameError) as caught:
        request_parse(text)
    assert caught.value.code == ErrorCode.INVALID_FRAME
    assert caught.value.frame_id == frame_id
    assert len(caught.value.message) < 300


def test_a_request_is_read_and_params_may_be_left_out():
    request = request_parse('{"type":"req","id":"a","method":"chat.send","params":{"x":1},"extra":2}')
    assert (request.id, request.method, request.params) == ("a", "chat.send", {"x": 1})
    assert request_parse('{"type":"req","id":"a","method":"m"}').params == {}


def test_an_answer_is_one_shape():
    assert json.loads(answer_encode("7", {"a": "ü"})) == {"type": "res", "id": "7", "ok": True, "payload": {"a": "ü"}}
    error = InvalidParamsError("Wrong.", field="x")
    assert json.loads(error_encode(None, error)) == {
        "type": "res",
        "id": None,
        "ok": False,
        "error": {"code": "invalid_params", "message": "Wrong.", "retryable": False, "details": {"field": "x"}},
    }


@pytest.mark.parametrize("text", ["plain", "zwei 二 🙂", "half \ud800", "nul \x00", "</script>"])
def test_whatever_is_told_back_can_be_sent_as_utf8(text):
    frame = error_encode(text, InvalidParamsError(text, value=text))
    assert json.loads(frame.encode().decode())["error"]["details"] == {"value": text}


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity"])
def test_a_number_that_is_none_is_no_json(number):
    with pytest.raises(FrameError):
        request_parse(f'{{"type":"req","id":"1","method":"m","params":{{"limit":{number}}}}}')
