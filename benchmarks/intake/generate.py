"""A long CSV of made-up daily figures, the same bytes for the same arguments."""

from pathlib import Path

import numpy as np


def generate(path: Path, rows: int, entities: int, seed: int = 1) -> None:
    """Write ``rows`` rows: whole days of ``entities`` models each, log-normal levels, a heading, whole numbers."""
    rng = np.random.default_rng(seed)
    names = [f"vendor{i % 97}/model-{i:05d}-20260819" for i in range(entities)]
    level = np.exp(rng.normal(20.0, 2.0, entities))
    first = np.datetime64("2015-01-01")
    with path.open("w", encoding="utf-8") as out:
        out.write("date,model_permaslug,total_tokens\n")
        for day in range(rows // entities):
            figures = (level * np.exp(rng.normal(0.0, 0.2, entities))).astype(np.int64).tolist()
            date = str(first + day)
            out.write("".join(f"{date},{name},{figure}\n" for name, figure in zip(names, figures, strict=True)))
