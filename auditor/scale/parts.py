"""Checkpoints: the answer of every finished chunk on disk, and the one file they become.

A part is written whole or not at all, and a part that is there is never worked on again. The final file is the sorted merge of
all parts, so that neither chunks nor their order, neither a kill nor a resumption show in its bytes.
"""

import heapq
import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from auditor.archive.durable import write_durably
from auditor.errors import UsageError
from auditor.scale.work import Part, added, first_of

#: Files merged at a time.
FAN = 200


@dataclass(frozen=True)
class Parts:
    """The folder of a running or interrupted scan, beside its output."""

    folder: Path

    @classmethod
    def open(cls, output: Path, question: Mapping[str, Any], *, restart: bool = False) -> "Parts":
        """Open the checkpoints of an output, or start them.

        Parameters
        ----------
        output : Path
            The file that the scan will write.
        question : mapping
            All that decides the result: inputs with size and time, settings, version.
        restart : bool
            Discard what an earlier run left.

        Raises
        ------
        UsageError
            When an interrupted run of another question left checkpoints there.
        """
        folder = output.with_name(f".{output.name}.parts")
        if restart and folder.exists():
            shutil.rmtree(folder)
        text = json.dumps(question, sort_keys=True, default=str).encode()
        held = folder / "question.json"
        if held.is_file():
            if held.read_bytes() != text:
                raise UsageError(
                    "an interrupted scan with another input or other settings left its checkpoints here",
                    where=folder.name,
                    hint="finish it, write to another file, or discard it with --restart",
                )
        else:
            if folder.exists():
                shutil.rmtree(folder)
            try:
                write_durably(held, text)
            except OSError as error:
                raise UsageError(
                    f"the output cannot be written: {error.strerror or error}",
                    where=str(output),
                    hint="choose another file with --out",
                ) from error
        return cls(folder)

    def finished(self) -> set[int]:
        """Numbers of the chunks that are done."""
        return {int(p.stem.partition("-")[2]) for p in self.folder.glob("part-*.json")}

    def put(self, number: int, part: Part) -> None:
        """Keep the answer of a chunk; its counts are written last and mark it as done."""
        head = {"counts": dict(part.counts), "top": part.top}
        with _writing(self.folder):
            write_durably(self.folder / f"part-{number:06d}.jsonl", part.lines)
            write_durably(self.folder / f"part-{number:06d}.json", json.dumps(head, ensure_ascii=True).encode())

    def counts(self) -> dict[str, int]:
        """Add up what the finished chunks counted."""
        return added([head["counts"] for head in self._heads()])

    def top(self, most: int) -> list[dict[str, Any]]:
        """Return the records that rank first over all finished chunks."""
        return first_of((record for head in self._heads() for record in head["top"]), most)

    def merge(self, output: Path) -> None:
        """Write the sorted lines of all parts; the output appears whole or not at all."""
        files = sorted(self.folder.glob("part-*.jsonl"))
        level = 0
        with _writing(output):
            while len(files) > FAN:
                level += 1
                groups = [files[i : i + FAN] for i in range(0, len(files), FAN)]
                files = [_merged(group, self.folder / f"merge-{level}-{i:04d}") for i, group in enumerate(groups)]
            _merged(files, self.folder / "whole").replace(output)

    def discard(self) -> None:
        """Remove the checkpoints."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _heads(self) -> Iterator[dict[str, Any]]:
        for path in sorted(self.folder.glob("part-*.json")):
            yield json.loads(path.read_bytes())


@contextmanager
def _writing(place: Path) -> Iterator[None]:
    """Turn a full disk or a refusal into an error that says what is left to do."""
    try:
        yield
    except OSError as error:
        raise UsageError(
            f"the results cannot be written: {error.strerror or error}",
            where=place.name,
            hint="make room, then run the same command again: what is finished is kept",
        ) from error


def _merged(files: list[Path], place: Path) -> Path:
    with ExitStack() as stack, place.open("wb") as out:
        streams = [stack.enter_context(f.open("rb")) for f in files]
        out.writelines(heapq.merge(*streams))
    return place
