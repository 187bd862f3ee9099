"""Uploaded archives: good ones of every form arrive, hostile ones are refused in words and leave nothing outside."""

from __future__ import annotations

import io
import tarfile
import zipfile
from pathlib import Path

import pytest
import zstandard

from sessions_app.errors import HoldfastError
from sessions_app.runtime.rescue_jobs.unpacking import Limits, unpacked

LIMITS = Limits(files=50, size=1 << 20)
GOOD = {"state/agents/main/sessions/a.jsonl": b"{}\n" * 10, "state/openclaw.json": b"{}"}


def member(name: str, content: bytes = b"x", **more) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.size, info.mtime = len(content), 1_700_000_000
    for field, value in more.items():
        setattr(info, field, value)
    return info, content


def link(name: str, target: str, kind: bytes = tarfile.SYMTYPE) -> tuple[tarfile.TarInfo, bytes]:
    return member(name, b"", type=kind, linkname=target)


def tar_of(*members: tuple[tarfile.TarInfo, bytes], mode: str = "w") -> bytes:
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode=mode) as tar:
        for info, content in members:
            tar.addfile(info, io.BytesIO(content))
    return whole.getvalue()


def zip_of(files: dict[str, bytes], **attributes: int) -> bytes:
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            info = zipfile.ZipInfo(name)
            info.external_attr = attributes.get(name, 0o600) << 16
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, content)
    return whole.getvalue()


def good_tar(mode: str = "w") -> bytes:
    return tar_of(*(member(name, content) for name, content in GOOD.items()), mode=mode)


def unpack(tmp_path: Path, archive: bytes, limits: Limits = LIMITS):
    (tmp_path / "upload").write_bytes(archive)
    return unpacked(tmp_path / "upload", tmp_path / "files", limits, lambda *_: None)


def everything(tmp_path: Path) -> dict[str, bytes]:
    """What lies anywhere below the test's place, besides the upload."""
    found = {str(p.relative_to(tmp_path)): p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    return {name: content for name, content in found.items() if name != "upload"}


@pytest.mark.parametrize(
    "archive",
    [good_tar(), good_tar("w:gz"), zstandard.ZstdCompressor().compress(good_tar()), zip_of(GOOD)],
    ids=["tar", "tar.gz", "tar.zst", "zip"],
)
def test_every_form_arrives_whole_and_private(tmp_path, archive):
    facts = unpack(tmp_path, archive)
    assert (facts["files"], facts["bytes"], facts["leftOutCount"]) == (2, 32, 0)
    assert everything(tmp_path) == {f"files/{name}": content for name, content in GOOD.items()}
    for path in (tmp_path / "files").rglob("*"):
        assert path.stat().st_mode & 0o777 == (0o700 if path.is_dir() else 0o600)


@pytest.mark.parametrize("name", ["../out", "a/../../out", "/tmp/out", "a/b/..", "..", "C:/out", "..\\out", "\\out"])
@pytest.mark.parametrize("form", ["tar", "zip", "folder"])
def test_a_name_that_leads_out_refuses_the_whole_archive(tmp_path, name, form):
    archives = {
        "tar": tar_of(member("good"), member(name)),
        "folder": tar_of(member("good"), member(name, b"", type=tarfile.DIRTYPE)),
        "zip": zip_of({"good": b"x", name: b"x"}),
    }
    with pytest.raises(HoldfastError, match="names a place outside of itself"):
        unpack(tmp_path, archives[form])
    assert set(everything(tmp_path)) <= {"files/good"}


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        (link("l", "/etc/passwd"), "a symbolic link"),
        (link("l", "good"), "a symbolic link"),
        (link("l", "none", tarfile.LNKTYPE), "a link to nothing in the archive"),
        (member("l", b"", type=tarfile.CHRTYPE, devmajor=1, devminor=3), "a device"),
        (member("l", b"", type=tarfile.BLKTYPE), "a device"),
        (member("l", b"", type=tarfile.FIFOTYPE), "no plain file"),
        (member("/".join("d" * 60)), "its name is too long or too deep"),
        (member("good/below"), "a file has the same name as its directory"),
    ],
)
def test_what_is_no_plain_file_is_left_out_and_listed(tmp_path, bad, why):
    facts = unpack(tmp_path, tar_of(member("good"), bad))
    assert [row["why"] for row in facts["leftOut"]] == [why]
    assert everything(tmp_path) == {"files/good": b"x"}


def test_nothing_is_written_through_a_link(tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    facts = unpack(tmp_path, tar_of(link("door", str(outside)), member("door/in", b"y")))
    assert facts["leftOutCount"] == 1
    assert everything(tmp_path) == {"files/door/in": b"y"}


def test_a_link_of_a_zip_is_left_out(tmp_path):
    facts = unpack(tmp_path, zip_of({"good": b"x", "l": b"/etc/passwd"}, l=0o120777))
    assert [row["why"] for row in facts["leftOut"]] == ["a symbolic link"]
    assert set(everything(tmp_path)) == {"files/good"}


def test_a_hard_link_is_the_file_it_names(tmp_path):
    unpack(tmp_path, tar_of(member("a", b"same"), link("b", "a", tarfile.LNKTYPE)))
    assert everything(tmp_path) == {"files/a": b"same", "files/b": b"same"}
    with pytest.raises(HoldfastError, match="outside"):
        unpack(tmp_path / "files", tar_of(member("a"), link("b", "../../upload", tarfile.LNKTYPE)))


def test_of_two_with_one_name_the_later_stays_and_the_earlier_is_listed(tmp_path):
    facts = unpack(tmp_path, tar_of(member("a", b"old"), member("a", b"new")))
    assert (facts["leftOutCount"], everything(tmp_path)) == (1, {"files/a": b"new"})


@pytest.mark.parametrize(
    "archive",
    [
        tar_of(member("bomb", b"\0" * (2 << 20)), mode="w:gz"),
        zstandard.ZstdCompressor().compress(tar_of(member("bomb", b"\0" * (2 << 20)))),
        zip_of({"bomb": b"\0" * (2 << 20)}),
        zip_of({f"part-{n}": b"\0" * 400_000 for n in range(3)}),
    ],
    ids=["gz", "zst", "zip", "many"],
)
def test_a_bomb_is_refused_before_it_goes_off(tmp_path, archive):
    with pytest.raises(HoldfastError, match="unpacks to more than"):
        unpack(tmp_path, archive)
    assert sum(map(len, everything(tmp_path).values())) <= LIMITS.size


def test_a_bomb_of_names_is_refused(tmp_path):
    with pytest.raises(HoldfastError, match="more than 50 files"):
        unpack(tmp_path, tar_of(*(member(f"f{n}", b"") for n in range(51))))


@pytest.mark.parametrize(
    ("archive", "words"),
    [
        (b"", "no archive"),
        (b"just text", "no archive"),
        (b"\x1f\x8b\x08rest", "broken or cut off"),
        (good_tar("w:gz")[:-30], "broken or cut off"),
        (good_tar()[:700], "broken or cut off"),
        (zip_of(GOOD)[:60], "broken or cut off"),
        (zip_of({}) or b"", "no file"),
        (tar_of(), "no archive"),
    ],
)
def test_what_is_broken_or_empty_is_said_so(tmp_path, archive, words):
    with pytest.raises(HoldfastError, match=words):
        unpack(tmp_path, archive)


def test_an_encrypted_zip_is_said_so(tmp_path):
    locked = bytearray(zip_of({"a": b"x"}))
    locked[locked.index(b"PK\x01\x02") + 8] |= 1
    with pytest.raises(HoldfastError, match="encrypted"):
        unpack(tmp_path, bytes(locked))


@pytest.mark.parametrize(
    ("archive", "why"),
    [
        (zip_of({"": b"x", "a.jsonl": b"{}"}), "no name"),
        (tar_of(member("a.jsonl"), member("/".join(["d" * 200] * 25) + "/b.jsonl")), "too long"),
    ],
    ids=["no name", "too long"],
)
def test_a_member_that_cannot_be_named_here_is_left_out_and_listed(tmp_path, archive, why):
    facts = unpack(tmp_path, archive)
    assert list(everything(tmp_path)) == ["files/a.jsonl"]
    assert (facts["leftOutCount"], why in facts["leftOut"][0]["why"]) == (1, True)
