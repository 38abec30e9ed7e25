"""A bundle made here verifies anywhere; a bundle that was touched does not."""

import io
import json
import stat
import struct
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor import bundle, casefile
from auditor.bundle import manifest, safezip
from auditor.bundle.packing import Packed
from auditor.case import Case, Claim, Event, EventKind
from auditor.cli import main
from auditor.errors import AuditError, InputError, UsageError
from auditor.findings import Window

Files = dict[str, bytes]

FIGURES = "date,model,tokens\n" + "".join(
    f"2026-03-{day:02d},acme/{name},{(900 if name == 'one' and day > 20 else 100) + 7 * day % 13 + k}\n"
    for day in range(1, 32)
    for k, name in enumerate(("one", "two", "three", "four"))
)
CASE = Case(
    subject=("acme/one",),
    title="Did acme/one rise ninefold?",
    window=Window(datetime(2026, 3, 21), datetime(2026, 3, 31)),
    claims=(Claim("nine hundred a day", "value", (("on", "any-day"), ("value", 900.0))),),
)


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Packed:
    place = tmp_path_factory.mktemp("bundle")
    (place / "figures.csv").write_text(FIGURES, encoding="utf-8")
    (place / "figures.source.yaml").write_text(
        "name: Acme\ncitation: Acme usage page\nlicence: CC0\n", encoding="utf-8"
    )
    return bundle.pack(place / "acme.audit.zip", inputs=[place / "figures.csv"], case=CASE)


@pytest.fixture(scope="module")
def files(packed: Packed) -> Files:
    with zipfile.ZipFile(packed.path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def zipped(files: Files) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)
    return out.getvalue()


def relisted(files: Files, **changes: Any) -> Files:
    """Make the manifest agree with changed members: what somebody does who wants not to be noticed."""
    import hashlib

    document = json.loads(files["bundle.json"])
    document["files"] = {
        n: {"sha256": hashlib.sha256(d).hexdigest(), "bytes": len(d)} for n, d in files.items() if n != "bundle.json"
    }
    document |= changes
    return {**files, "bundle.json": json.dumps(document).encode()}


def test_it_verifies_and_is_the_same_every_time(packed: Packed, tmp_path: Path) -> None:
    checked = bundle.check(packed.path)
    assert checked.ok
    assert checked.difference == ""
    assert checked.notes == ()
    assert checked.sha256 == packed.sha256
    (tmp_path / "figures.csv").write_text(FIGURES, encoding="utf-8")
    (tmp_path / "figures.source.yaml").write_bytes((packed.path.parent / "figures.source.yaml").read_bytes())
    again = bundle.pack(tmp_path / "other-name.zip", inputs=[tmp_path / "figures.csv"], case=CASE)
    assert again.sha256 == packed.sha256


def test_it_holds_the_question_the_data_and_the_report(packed: Packed, files: Files) -> None:
    assert {"case.yaml", "inputs/1/figures.csv", "inputs/1/figures.csv.source.yaml", "report/index.html"} <= set(files)
    assert files["inputs/1/figures.csv"].decode() == FIGURES
    assert b"CC0" in files["report/index.html"]
    crate = json.loads(files["ro-crate-metadata.json"])
    ids = {entity["@id"]: entity for entity in crate["@graph"]}
    assert ids["ro-crate-metadata.json"]["about"] == {"@id": "./"}
    listed = {part["@id"] for part in ids["./"]["hasPart"]}
    assert listed == set(files) - {"ro-crate-metadata.json"}
    assert all(part in ids for part in listed)
    assert ids["./"]["name"] == CASE.title
    assert ids["#licence"]["name"] == "CC0"


def test_no_path_of_this_machine_is_in_it(packed: Packed, files: Files) -> None:
    for name, data in files.items():
        assert str(packed.path.parent).encode() not in data, name


def test_the_published_hash_is_compared(packed: Packed) -> None:
    assert bundle.check(packed.path, sha256=packed.sha256.upper()).ok
    with pytest.raises(InputError, match="was asked for"):
        bundle.check(packed.path, sha256="0" * 64)


# --- touched bundles: each of these is refused, and says why -------------------------------------------------------------


def flipped(files: Files, name: str, place: int) -> Files:
    data = bytearray(files[name])
    data[place % len(data)] ^= 0x01
    return {**files, name: bytes(data)}


def tampered(files: Files) -> Iterator[tuple[str, bytes, str]]:
    """More than a hundred ways to touch a bundle: what was done, the file, and what the refusal must name."""
    whole = zipped(files)
    members = sorted(set(files) - {"bundle.json"})
    for name in members:
        yield f"flip in {name}", zipped(flipped(files, name, 7919)), "was altered"
        yield f"cut {name}", zipped({**files, name: files[name][:-1]}), "bytes; bundle.json says"
        yield f"without {name}", zipped({n: d for n, d in files.items() if n != name}), "is missing"
        yield f"empty {name}", zipped({**files, name: b""}), "bytes; bundle.json says"
    for name in ("extra.txt", "report/evil.html", "rules/1/more.yaml", "inputs/2/figures.csv", "case.yaml.bak"):
        yield f"with {name}", zipped({**files, name: b"x"}), "is not listed"
    for name in (
        "../outside.txt",
        "/etc/outside",
        "report/../../outside",
        "C:/outside",
        "report\\outside",
        "a/./b",
        "a//b",
        "line\nbreak",
        "report/",
        "x" * 300,
    ):
        yield f"name {name[:20]!r}", zipped({**files, name: b"x"}), "name leads elsewhere or cannot be a file"
    yield "twice in another case", zipped({**files, "CASE.yaml": b"x"}), "twice"
    yield "symbolic link", _with_mode(files, "link", stat.S_IFLNK), "link or a device"
    yield "device", _with_mode(files, "device", stat.S_IFCHR), "link or a device"
    yield "bomb", zipped({**files, "bomb": bytes(50 << 20)}), "times its size"
    yield "nothing", b"", "not a whole zip"
    yield "text", b"not a zip at all" * 100, "not a whole zip"
    for share in (0.1, 0.5, 0.9, 0.99):
        yield f"first {share:.0%}", whole[: int(share * len(whole))], "not a whole zip"
    yield "no manifest", zipped({n: d for n, d in files.items() if n != "bundle.json"}), "holds no bundle.json"
    for text in (b"", b"{", b"[]", b"null", b'{"kind": 1}', b"\xff\xfe", b"[" * 100_000):
        yield f"manifest {text[:12]!r}", zipped({**files, "bundle.json": text}), "damaged"
    document = json.loads(files["bundle.json"])
    for key in ("kind", "version", "files", "software", "recipe", "command"):
        kept = {k: v for k, v in document.items() if k != key}
        yield f"manifest without {key}", zipped({**files, "bundle.json": json.dumps(kept).encode()}), "damaged"
    yield "other kind", zipped(relisted(files, kind="recipe-book")), "not an audit bundle"
    yield "newer form", zipped(relisted(files, version="2.0")), "has form 2.0"
    yield "far newer form", zipped(relisted(files, version="17.3-beta")), "has form 17.3-beta"
    recipe = document["recipe"]
    for inputs in (["/etc/hostname"], ["../../etc/hostname"], ["inputs/9/none.csv"], [], "x", [1], ["archive:../x"]):
        yield f"recipe reads {inputs}", zipped(relisted(files, recipe={**recipe, "inputs": inputs})), "recipe"
    for extra in ({"fetch": "x"}, {"progress": 1}, {"source": "/etc/hostname"}):
        yield f"recipe states {extra}", zipped(relisted(files, recipe={**recipe, "reading": extra})), "recipe"
    yield "recipe unknown", zipped(relisted(files, recipe={**recipe, "run": "rm"})), "'run' is unknown"
    yield "recipe rules", zipped(relisted(files, recipe={**recipe, "rules": ["/etc"]})), "recipe"
    yield "recipe suppress", zipped(relisted(files, recipe={**recipe, "suppress": True})), "recipe"
    yield "crc", _with_wrong_crc(whole), "not a whole zip"


def _with_mode(files: Files, name: str, kind: int) -> bytes:
    out = io.BytesIO(zipped(files))
    with zipfile.ZipFile(out, "a") as archive:
        info = zipfile.ZipInfo(name)
        info.external_attr = (kind | 0o777) << 16
        archive.writestr(info, "/etc/hostname")
    return out.getvalue()


def _with_wrong_crc(whole: bytes) -> bytes:
    """Change the checksum of the first member, in its own header and in the table of contents."""
    data = bytearray(whole)
    wrong = struct.pack("<I", 0x12345678)
    data[14:18] = wrong
    central = data.index(b"PK\x01\x02")
    data[central + 16 : central + 20] = wrong
    return bytes(data)


def test_every_tampered_bundle_is_refused_with_its_reason(files: Files, tmp_path: Path) -> None:
    assert bundle.check(_file(tmp_path, zipped(files))).ok  # packed again without change it still verifies
    count = 0
    for done, data, reason in tampered(files):
        path = _file(tmp_path, data)
        with pytest.raises(AuditError) as caught:
            bundle.check(path)
        assert reason in str(caught.value), (done, str(caught.value))
        assert str(tmp_path) not in str(caught.value) or "such file" in str(caught.value)
        count += 1
    assert count >= 100
    assert sorted(p.name for p in tmp_path.iterdir()) == ["touched.zip"]


def _file(folder: Path, data: bytes) -> Path:
    path = folder / "touched.zip"
    path.write_bytes(data)
    return path


def _other_verdict(data: bytes) -> bytes:
    document = json.loads(data)
    document["verdict"]["hypothesis"] = "inflated"
    return json.dumps(document, ensure_ascii=False, indent=1, sort_keys=True).encode() + b"\n"


@pytest.mark.parametrize(
    ("name", "change", "place"),
    [
        ("report/audit.json", _other_verdict, "verdict.hypothesis"),
        ("inputs/1/figures.csv", lambda d: d.replace(b"2026-03-25,acme/one,9", b"2026-03-25,acme/one,8", 1), ""),
        ("case.yaml", lambda d: d.replace(b"acme/one", b"acme/two", 1), ""),
        ("report/data/verdict.csv", lambda d: d.replace(b"organic", b"chosen", 1), "report/data/verdict.csv:"),
    ],
    ids=["verdict", "figure", "question", "table"],
)
def test_a_consistent_forgery_is_seen_when_the_audit_is_repeated(
    files: Files, tmp_path: Path, name: str, change: Callable[[bytes], bytes], place: str
) -> None:
    forged = {**files, name: change(files[name])}
    assert forged[name] != files[name]
    checked = bundle.check(_file(tmp_path, zipped(relisted(forged))))
    assert not checked.ok
    assert place in checked.difference


def test_another_page_is_a_note_not_a_difference(files: Files, tmp_path: Path) -> None:
    page = files["report/index.html"].replace(b"<h1>", b"<h1>!", 1)
    checked = bundle.check(_file(tmp_path, zipped(relisted({**files, "report/index.html": page}))))
    assert checked.ok
    assert any("index.html" in note for note in checked.notes)


def test_other_versions_are_named(files: Files, tmp_path: Path) -> None:
    versions = {**manifest.software(), "numpy": "0.1"}
    checked = bundle.check(_file(tmp_path, zipped(relisted(files, software=versions))))
    assert checked.ok
    assert any(note.startswith("made with numpy 0.1") for note in checked.notes)


# --- what goes in --------------------------------------------------------------------------------------------------------


def test_rules_and_suppressions_travel_along(tmp_path: Path) -> None:
    (tmp_path / "figures.csv").write_text(FIGURES, encoding="utf-8")
    (tmp_path / "suppress.yaml").write_text(
        "suppressions:\n  - {rule: AUD101, subject: acme/one, window: 2026-03-01:2026-03-31, reason: looked at by hand, expires: 2027-01-01}\n",
        encoding="utf-8",
    )
    packed = bundle.pack(
        tmp_path / "b.zip",
        inputs=[tmp_path / "figures.csv"],
        case=CASE,
        suppress=tmp_path / "suppress.yaml",
        today=date(2026, 4, 1),
    )
    checked = bundle.check(packed.path)
    assert checked.ok, checked.difference
    with zipfile.ZipFile(packed.path) as archive:
        assert json.loads(archive.read("bundle.json"))["recipe"]["today"] == "2026-04-01"


def test_an_archive_travels_along(tmp_path: Path) -> None:
    from auditor.archive import Archive, Retrieval

    held = Archive(tmp_path / "kept")
    common: dict[str, Any] = {"url": "file", "retrieved_at": datetime(2026, 4, 9, tzinfo=UTC), "kind": "backfill"}
    held.add_many(
        [
            Retrieval(FIGURES.encode(), source="openrouter", **common),
            Retrieval(b"something of another source", source="pypistats", **common),
        ]
    )
    packed = bundle.pack(tmp_path / "b.zip", inputs=["archive:openrouter"], case=CASE, archive=tmp_path / "kept")
    with zipfile.ZipFile(packed.path) as archive:
        assert sum(name.startswith("archive/objects/") for name in archive.namelist()) == 1
    checked = bundle.check(packed.path)
    assert checked.ok, checked.difference


def test_two_files_of_one_name_do_not_meet(tmp_path: Path) -> None:
    halves = FIGURES.splitlines(keepends=True)
    for name, rows in (("a", halves[:61]), ("b", [halves[0], *halves[61:]])):
        (tmp_path / name).mkdir()
        (tmp_path / name / "figures.csv").write_text("".join(rows), encoding="utf-8")
    packed = bundle.pack(
        tmp_path / "b.zip", inputs=[tmp_path / "a" / "figures.csv", tmp_path / "b" / "figures.csv"], case=CASE
    )
    assert bundle.check(packed.path).ok


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ([], "no input"),
        (["-"], "standard input"),
        (["openrouter"], "is not a file"),
        (["archive:openrouter"], "folder"),
    ],
)
def test_what_cannot_go_in_is_refused(tmp_path: Path, inputs: list[str], message: str) -> None:
    with pytest.raises(AuditError, match=message):
        bundle.pack(tmp_path / "b.zip", inputs=inputs, case=CASE)
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_leaves_nothing(packed: Packed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    (tmp_path / "figures.csv").write_text(FIGURES, encoding="utf-8")
    monkeypatch.setattr(safezip, "write", full)
    with pytest.raises(UsageError, match="No space left"):
        bundle.pack(tmp_path / "b.zip", inputs=[tmp_path / "figures.csv"], case=CASE)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["figures.csv"]


def exit_code(arguments: list[str]) -> object:
    with pytest.raises(SystemExit) as left:
        main(arguments)
    return left.value.code


def test_the_command_line(tmp_path: Path, packed: Packed, files: Files, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "figures.csv").write_text(FIGURES, encoding="utf-8")
    (tmp_path / "case.yaml").write_text(casefile.dumps(replace(CASE, inputs=("figures.csv",))), encoding="utf-8")
    out = tmp_path / "made.zip"
    assert exit_code(["bundle", "create", "--case", str(tmp_path / "case.yaml"), "--out", str(out)]) == 0
    assert "SHA-256:" in capsys.readouterr().out
    assert exit_code(["bundle", "verify", str(out)]) == 0
    assert "the same findings" in capsys.readouterr().out
    forged = zipped(relisted({**files, "report/audit.json": _other_verdict(files["report/audit.json"])}))
    assert exit_code(["bundle", "verify", str(_file(tmp_path, forged))]) == 1
    assert "verdict.hypothesis" in capsys.readouterr().out
    assert exit_code(["bundle", "verify", str(_file(tmp_path, b"x"))]) == 3
    assert exit_code(["bundle", "verify", str(tmp_path / "none.zip")]) == 3


# --- the case file -------------------------------------------------------------------------------------------------------

_TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=30).map(str.strip)
_DAYS = st.datetimes(datetime(2001, 1, 1), datetime(2090, 1, 1)).map(
    lambda d: d.replace(minute=0, second=0, microsecond=0)
)


@settings(max_examples=40)
@given(
    subject=st.lists(_TEXT.filter(bool), min_size=1, max_size=3),
    title=_TEXT,
    days=st.lists(_DAYS, min_size=2, max_size=2).map(sorted),
    note=_TEXT,
    kind=st.sampled_from(EventKind),
    value=st.floats(1, 1e15),
    reply=_TEXT,
)
def test_a_written_case_reads_back_unchanged(
    tmp_path_factory: pytest.TempPathFactory,
    subject: list[str],
    title: str,
    days: list[datetime],
    note: str,
    kind: EventKind,
    value: float,
    reply: str,
) -> None:
    case = Case(
        subject=tuple(subject),
        title=title,
        window=Window(days[0], days[1]),
        claims=(Claim("a claim", "value", (("on", "any-day"), ("value", value))),),
        events=(Event(days[0], kind, source=note, note=note),),
        reply=reply,
        donors=("2026-01-01", "12", "yes"),
    )
    path = tmp_path_factory.mktemp("case") / "case.yaml"
    path.write_text(casefile.dumps(case), encoding="utf-8")
    assert casefile.read(path) == case
