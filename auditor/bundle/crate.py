"""``ro-crate-metadata.json``: the bundle described for repositories of research data.

References
----------
RO-Crate 1.1 specification, https://w3id.org/ro/crate/1.1 (Sefton et al., 2021).
"""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from auditor.bundle.manifest import CRATE, NAME
from auditor.report.clean import address

if TYPE_CHECKING:
    from auditor.walk import Audit

_SPECIFICATION = "https://w3id.org/ro/crate/1.1"
_TYPES = {
    "html": "text/html",
    "json": "application/json",
    "jsonl": "application/x-ndjson",
    "csv": "text/csv",
    "md": "text/markdown",
    "yaml": "application/yaml",
    "parquet": "application/vnd.apache.parquet",
    "gz": "application/gzip",
}


def describe(audit: "Audit", title: str, sentence: str, files: Mapping[str, tuple[str, int]]) -> bytes:
    """Return the metadata of a bundle: the data set, its files with hashes, their sources, and the software.

    Parameters
    ----------
    title, sentence : str
        The question, and the answer in one sentence.
    files : mapping of str to (str, int)
        SHA-256 and size of each member.
    """
    program = {
        "@id": "#software",
        "@type": "SoftwareApplication",
        "name": audit.software.get("name", ""),
        "softwareVersion": audit.software.get("version", ""),
    }
    sources = [_source(i, s) for i, s in enumerate(audit.sources, 1)]
    dates = audit.scene.table.dates
    root: dict[str, Any] = {
        "@id": "./",
        "@type": "Dataset",
        "name": title,
        "description": sentence,
        "temporalCoverage": f"{dates[0]:%Y-%m-%d}/{dates[-1]:%Y-%m-%d}",
        "hasPart": [{"@id": name} for name in sorted([*files, NAME])],
        "mainEntity": {"@id": "report/index.html"},
        "mentions": [{"@id": source["@id"]} for source in sources],
        "license": {"@id": "#licence"},
    }
    licence = {
        "@id": "#licence",
        "@type": "CreativeWork",
        "name": "; ".join(sorted({s.licence for s in audit.sources if s.licence})) or "not stated by the sources",
    }
    action = {
        "@id": "#audit",
        "@type": "CreateAction",
        "instrument": {"@id": "#software"},
        "object": [{"@id": name} for name in sorted(files) if name.startswith(("inputs/", "archive/", "case."))],
        "result": [{"@id": name} for name in sorted(files) if name.startswith("report/")],
    }
    manifest = {"@id": NAME, "@type": "File", "encodingFormat": "application/json"}
    members = [_member(name, *files[name]) for name in sorted(files)]
    about = {
        "@id": CRATE,
        "@type": "CreativeWork",
        "conformsTo": {"@id": _SPECIFICATION},
        "about": {"@id": "./"},
    }
    graph = [about, root, licence, program, action, manifest, *members, *sources]
    document = {"@context": f"{_SPECIFICATION}/context", "@graph": graph}
    return json.dumps(document, ensure_ascii=False, indent=1, sort_keys=True).encode() + b"\n"


def _member(name: str, sha256: str, size: int) -> dict[str, Any]:
    kind = _TYPES.get(name.rsplit(".", 1)[-1].lower(), "application/octet-stream")
    return {"@id": name, "@type": "File", "encodingFormat": kind, "contentSize": str(size), "sha256": sha256}


def _source(number: int, source: Any) -> dict[str, Any]:
    found: dict[str, Any] = {
        "@id": f"#source-{number}",
        "@type": "Dataset",
        "name": source.name,
        "citation": source.citation,
        "license": source.licence,
    }
    link = address(source.url)
    if link:
        found["url"] = link
    if source.as_of:
        found["dateModified"] = str(source.as_of)
    return {k: v for k, v in found.items() if v}
