"""Screens the series of one chunk; one bad series costs its own line and no other."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from auditor.kernels.screen import ScreenParams, screen
from auditor.scale.chunks import Chunk
from auditor.scale.lines import encode, refused, screened
from auditor.scale.series import Block, load
from auditor.scale.spacing import Grid
from auditor.scale.work import Part, first_of


@dataclass(frozen=True)
class Screening:
    """The function of a chunk that ``audit scan`` runs on every engine.

    Attributes
    ----------
    grid : Grid
    params : ScreenParams
    """

    grid: Grid
    params: ScreenParams = field(default_factory=ScreenParams)

    def __call__(self, chunk: Chunk) -> Part:
        """Read, screen and write out the series of a chunk."""
        loaded = load(chunk, self.grid)
        answered: list[dict[str, Any]] = []
        reasons = dict(loaded.refused)
        for block in loaded.blocks:
            answered += self.block(block, reasons)
        counts = {
            "answered": len(answered),
            "rising": sum(bool(r["attention"]) for r in answered),
            "refused": len(reasons),
            "rows": loaded.rows,
        }
        top = first_of(r for r in answered if r["attention"])
        return Part(b"".join(encode([*answered, *refused(reasons)])), counts, top)

    def block(self, block: Block, reasons: dict[str, str]) -> list[dict[str, Any]]:
        """Screen a block; where the whole fails, its halves are tried until the series that fails is alone."""
        season = self.grid.frequency.season or 1
        try:
            found = screen(block.values, period=season, weekday0=block.weekday, params=self.params)
            return screened(block, found, self.grid)
        except Exception as error:  # noqa: BLE001 - whatever one series raises, the others must be answered
            if len(block.names) == 1:
                reasons[block.names[0]] = f"the screening failed: {type(error).__name__}: {error}"[:300]
                return []
        half = len(block.names) // 2
        return [r for part in (slice(None, half), slice(half, None)) for r in self.block(_part(block, part), reasons)]

    def lost(self, chunk: Chunk, reason: str) -> Part:
        """Name every series of a chunk that could not be worked on."""
        loaded = load(chunk, self.grid)
        names = [*loaded.refused, *(n for b in loaded.blocks for n in b.names)]
        return Part(
            b"".join(encode(refused(dict.fromkeys(names, reason)))), {"refused": len(names), "rows": loaded.rows}, []
        )


def _part(block: Block, rows: slice) -> Block:
    return Block(block.names[rows], np.ascontiguousarray(block.values[rows]), block.first[rows], block.weekday)
