"""Scores of a segmentation against several annotators: F1 with a margin, and covering.

Both follow van den Burg & Williams (2020), *An Evaluation of Change Point Detection Algorithms*, arXiv:2003.06222,
section 3: index 0 counts as a change in every annotation and in every prediction, precision is taken against the
union of the annotations, recall is the mean over annotators.
"""

from collections.abc import Iterable, Sequence
from itertools import pairwise


def true_positives(truth: Iterable[int], predicted: Iterable[int], margin: int) -> int:
    """How many true changes are met by a prediction within ``margin``; a prediction serves one true change only."""
    free = set(predicted)
    hits = 0
    for change in sorted(set(truth)):
        near = sorted((abs(change - guess), guess) for guess in free if abs(change - guess) <= margin)
        if near:
            hits += 1
            free.remove(near[0][1])
    return hits


def f1_score(annotations: Sequence[Sequence[int]], predicted: Sequence[int], margin: int = 5) -> float:
    """F1 of ``predicted`` (0-based indices) against several annotators.

    Parameters
    ----------
    annotations : sequence of sequences of int
        One list of change indices per annotator; an empty list means "no change".
    predicted : sequence of int
        Predicted change indices.
    margin : int
        Largest distance, in samples, that still counts as met.

    Returns
    -------
    float
        Harmonic mean of precision and mean recall, in [0, 1].
    """
    guesses = {0, *predicted}
    truths = [{0, *annotation} for annotation in annotations]
    union = set().union(*truths)
    precision = true_positives(union, guesses, margin) / len(guesses)
    recall = sum(true_positives(truth, guesses, margin) / len(truth) for truth in truths) / len(truths)
    return 2 * precision * recall / (precision + recall)


def _segments(changes: Iterable[int], n: int) -> list[tuple[int, int]]:
    edges = sorted({0, n, *(change for change in changes if 0 < change < n)})
    return list(pairwise(edges))


def covering_score(annotations: Sequence[Sequence[int]], predicted: Sequence[int], n: int) -> float:
    """Mean over annotators of the size-weighted best Jaccard overlap of each true segment.

    Parameters
    ----------
    annotations : sequence of sequences of int
        One list of change indices per annotator.
    predicted : sequence of int
        Predicted change indices.
    n : int
        Length of the series.

    Returns
    -------
    float
        Covering in [0, 1].
    """
    guesses = _segments(predicted, n)
    total = 0.0
    for annotation in annotations:
        for start, end in _segments(annotation, n):
            total += (end - start) * max(_jaccard((start, end), guess) for guess in guesses)
    return total / (n * len(annotations))


def _jaccard(one: tuple[int, int], other: tuple[int, int]) -> float:
    shared = max(0, min(one[1], other[1]) - max(one[0], other[0]))
    return shared / (one[1] - one[0] + other[1] - other[0] - shared)
