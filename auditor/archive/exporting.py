"""Export to a folder that can be read, checked and cited without this tool.

``datapackage.json`` (Frictionless Data Package) names every file with its length, hash, source and licence; ``data/`` holds the
raw bytes as received; ``ledger.csv`` is the ledger as a table, ``ledger.jsonl`` the hash chain itself; ``SHA256SUMS`` can be
checked with ``sha256sum -c SHA256SUMS``.

References
----------
Walsh, P. and Pollock, R. (2017). Data Package. Frictionless Data specifications. https://specs.frictionlessdata.io/data-package/
"""

import csv
import hashlib
import io
import json
import re
import shutil
from collections.abc import Collection, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from auditor.archive.durable import explain, make_folder, sync_folder, write_durably
from auditor.archive.entry import Entry, line_of, utc_text
from auditor.archive.store import Archive
from auditor.errors import ArchiveError, UsageError

_EXTENSIONS = {
    "application/json": "json",
    "application/x-ndjson": "jsonl",
    "text/csv": "csv",
    "text/html": "html",
    "text/plain": "txt",
    "application/xml": "xml",
    "application/gzip": "gz",
    "application/zip": "zip",
    "application/vnd.apache.parquet": "parquet",
    "application/timestamp-reply": "tsr",
}
_LEDGER_TYPES = {"seq": "integer", "status": "integer", "byte_count": "integer", "stored_byte_count": "integer"}
_COLUMNS = (*Entry._fields, "file")
_README = """An export of an evidence archive: answers of public data sources exactly as they were received.

data/            the raw bytes, named after their SHA-256
ledger.csv       one row per retrieval: source, address, time, licence, citation, as-of statement, file
ledger.jsonl     the same as a hash chain: the SHA-256 of each line's JSON without its key "hash" (sorted keys, no spaces,
                 ASCII) is its "hash", and the next line carries it as "previous"
datapackage.json the Frictionless Data Package description of all files
SHA256SUMS       check with: sha256sum -c SHA256SUMS
"""


def export(
    archive: Archive,
    folder: Path | str,
    *,
    sources: Collection[str] | None = None,
    created: datetime | str | None = None,
) -> Path:
    """Write the archive to a new folder.

    Parameters
    ----------
    archive : Archive
    folder : Path or str
        Must not exist yet, or be empty; it appears whole or not at all.
    sources : collection of str, optional
        Only the raw files of these sources. The ledger is always whole, so that its chain can be checked.
    created : datetime or str, optional
        Stated in the description; left out when absent (the archive reads no clock).

    Returns
    -------
    Path
        The folder. The same archive gives the same bytes.

    Raises
    ------
    UsageError
        The folder is not empty.
    ArchiveError
        A snapshot is missing or altered, or the disk is full.
    """
    folder = Path(folder)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError("the folder to export to is not empty", where=str(folder), hint="name a new folder")
    entries = archive.entries()
    if len(entries) != archive.ledger.head().seq:
        raise ArchiveError("the index misses entries", where=str(archive.folder), hint="run `audit archive verify`")
    building = folder.with_name(f".{folder.name}.exporting")
    try:
        make_folder(folder.parent)
        if building.exists():
            shutil.rmtree(building)
        make_folder(building / "data")
        _fill(archive, building, entries, sources, created)
        if folder.exists():
            folder.rmdir()
        building.rename(folder)
        sync_folder(folder.parent)
    except OSError as error:
        shutil.rmtree(building, ignore_errors=True)
        raise explain(error, folder) from error
    except BaseException:
        shutil.rmtree(building, ignore_errors=True)
        raise
    return folder


def _fill(
    archive: Archive,
    folder: Path,
    entries: Sequence[Entry],
    sources: Collection[str] | None,
    created: datetime | str | None,
) -> None:
    files: dict[str, str] = {}
    resources: list[dict[str, Any]] = []
    sums: list[tuple[str, str]] = []

    def put(name: str, data: bytes) -> dict[str, Any]:
        write_durably(folder / name, data)
        digest = hashlib.sha256(data).hexdigest()
        sums.append((digest, name))
        return {"path": name, "bytes": len(data), "hash": f"sha256:{digest}"}

    for entry in entries:
        if entry.sha256 in files or (sources is not None and entry.source not in sources):
            continue
        name = f"data/{entry.sha256}.{_extension(entry)}"
        files[entry.sha256] = name
        resources.append(_resource(entry, put(name, archive.read(entry.sha256))))
    chain = put("ledger.jsonl", b"".join(line_of(entry) for entry in entries))
    table = put("ledger.csv", _csv(entries, files))
    resources = [
        {**table, "name": "ledger", "profile": "tabular-data-resource", "encoding": "utf-8", "schema": _schema()},
        {**chain, "name": "ledger-chain", "mediatype": "application/x-ndjson"},
        *resources,
    ]
    package: dict[str, Any] = {
        "profile": "data-package",
        "name": "evidence-archive",
        "title": "Answers of public data sources as received, with the ledger of their retrieval",
        "chain_head": entries[-1].hash if entries else "",
        "resources": resources,
    }
    licences = _unique([_licence(entry.licence) for entry in entries if entry.licence])
    if licences:
        package["licenses"] = licences
    if created is not None:
        package["created"] = utc_text(created, field="created")
    put("datapackage.json", json.dumps(package, indent=1, sort_keys=True, ensure_ascii=False).encode() + b"\n")
    put("README.txt", _README.encode())
    write_durably(folder / "SHA256SUMS", "".join(f"{digest}  {name}\n" for digest, name in sums).encode())


def _resource(entry: Entry, file: dict[str, Any]) -> dict[str, Any]:
    resource = {**file, "name": f"snapshot-{entry.sha256}", "title": f"{entry.source}, retrieved {entry.retrieved_at}"}
    media = entry.headers.get("content-type", "").partition(";")[0].strip()
    if media:
        resource["mediatype"] = media
    if entry.licence:
        resource["licenses"] = [_licence(entry.licence)]
    title = entry.citation or entry.source
    resource["sources"] = [{"title": title, "path": entry.url} if entry.url.startswith("http") else {"title": title}]
    return resource


def _licence(text: str) -> dict[str, str]:
    """Describe a licence as the specification asks: a name of letters, digits, ``-._``, and the text as its title."""
    return {"name": re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("-") or "unnamed", "title": text}


def _unique(items: list[dict[str, str]]) -> list[dict[str, str]]:
    return list({item["title"]: item for item in items}.values())


def _extension(entry: Entry) -> str:
    media = entry.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media in _EXTENSIONS:
        return _EXTENSIONS[media]
    suffix = Path(entry.url.partition("?")[0]).suffix.lstrip(".").lower()
    return suffix if re.fullmatch(r"[a-z0-9]{1,8}", suffix) else "bin"


def _csv(entries: Sequence[Entry], files: dict[str, str]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for entry in entries:
        writer.writerow([*("" if value is None else value for value in entry), files.get(entry.sha256, "")])
    return text.getvalue().encode()


def _schema() -> dict[str, Any]:
    return {
        "fields": [{"name": name, "type": _LEDGER_TYPES.get(name, "string")} for name in _COLUMNS],
        "primaryKey": "seq",
        "missingValues": [""],
    }
