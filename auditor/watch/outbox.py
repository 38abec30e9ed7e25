"""What is still to be told, and to whom: entered with the finding in one step, removed when its delivery has succeeded."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from auditor.errors import SourceError
from auditor.watch.config import Config, NotifyPart
from auditor.watch.found import Found

if TYPE_CHECKING:
    from auditor.watch.state import State

Deliver = Callable[[NotifyPart, Found], None]

#: Notifiers that are files written from the state on every run; they need no delivery, and cannot lose or double anything.
FILES = frozenset({"jsonl", "markdown", "atom"})


class NotifyError(SourceError):
    """A notifier that did not take a finding; the finding stays in the outbox."""


def enqueue(state: "State", config: Config, found: Found) -> None:
    """Enter a new finding for everyone who wants its kind."""
    for part in config.notify:
        if part.kind not in FILES and found.kind in part.on:
            state.outbox.append([found.id, part.id])


def deliver(
    state: "State", config: Config, send: Deliver, save: "Callable[[State], None] | None", notes: list[str]
) -> None:
    """Deliver what waits, oldest first; each success is saved before the next is tried.

    Without ``save`` nothing is marked, and everything waits for the next run.

    A notifier that fails is left alone for the rest of the run, so that its findings keep their order.
    """
    parts = {part.id: part for part in config.notify}
    broken: set[str] = set()
    for entry in list(state.outbox):
        key, name = entry
        if name in broken:
            continue
        part, found = parts.get(name), state.found.get(key)
        if part is not None and found is not None:
            try:
                send(part, found)
            except NotifyError as error:
                broken.add(name)
                notes.append(f"notifier {name}: {error.what}; kept for the next run")
                continue
        if save is not None:
            state.outbox.remove(entry)
            save(state)
