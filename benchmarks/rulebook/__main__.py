"""Prints the table of seeded corruptions and the cost: ``python -m benchmarks.rulebook --data RANKING.csv``.

Without ``--data`` a simulated ranking is spoilt. ``--hits FOLDER...`` prints instead every hit on the tables of some folders, each
with the reason it is accepted for.
"""

import argparse
from pathlib import Path

from auditor import rulebook
from benchmarks.rulebook import hits, power, speed
from benchmarks.rulebook.corruptions import CLASSES

ACCEPTED = Path(__file__).parents[2] / "tests" / "rulebook" / "accepted.yaml"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.rulebook", description=__doc__)
    parser.add_argument("--data", type=Path, help="a daily ranking (date, entity, value) with a remainder row")
    parser.add_argument("--placements", type=int, default=200)
    parser.add_argument("--seed", type=int, default=20260403)
    parser.add_argument("--rules", nargs="*", help="only these rules")
    parser.add_argument("--speed", type=int, default=0, metavar="N", help="also time all rules on N observations")
    parser.add_argument(
        "--hits", type=Path, nargs="+", metavar="FOLDER", help="print every hit on the tables of these folders"
    )
    parser.add_argument("--accepted", type=Path, default=ACCEPTED, help="hits looked at and accepted, with --hits")
    given = parser.parse_args()
    book = rulebook.load()
    if given.hits:
        for line in hits.report(book, given.hits, hits.accepted(given.accepted)):
            print(line, flush=True)
        return
    base = power.published(given.data) if given.data else power.simulated()
    chosen = [c for c in CLASSES if not given.rules or c.rule in given.rules]
    print(f"{len(base.dates)} days, {len(base.names)} entities, {given.placements} placements, seed {given.seed}")
    print(f"{'rule':<8}{'corruption':<24}{'placed':>7}{'caught':>8}{'share':>8}   hits on untouched windows")
    low = []
    for result in power.measure(book, base, placements=given.placements, seed=given.seed, classes=chosen):
        print(
            f"{result.rule:<8}{result.corruption:<24}{result.placed:>7}{result.caught:>8}{result.share:>8.1%}"
            f"   {f'{result.spoke} of {result.clean}' if result.clean else 'cannot run on them'} {result.reason}",
            flush=True,
        )
        low += [result.rule] if result.share < 0.95 else []
    print("below 95 %: " + (", ".join(low) or "none"))
    if given.speed:
        cost = speed.measure(book, given.speed)
        print(", ".join(f"{k} {v:.2f}" for k, v in cost.items()))


if __name__ == "__main__":
    main()
