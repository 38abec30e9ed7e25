"""Tells people: one notifier, one file. :func:`sender` builds what the outbox calls."""

from collections.abc import Callable, Mapping

from auditor.watch.config import Config, NotifyPart
from auditor.watch.found import Found
from auditor.watch.outbox import Deliver

__all__ = ["sender"]


def sender(
    config: Config,
    environment: Mapping[str, str],
    *,
    echo: Callable[[str], None],
    sleep: Callable[[float], None],
    dry_run: bool = False,
) -> Deliver:
    """Return what delivers one finding by one notifier.

    Parameters
    ----------
    environment : mapping
        Where secrets are; nothing else is read from it.
    echo, sleep : callable
        Standard output, and the pause between tries.
    dry_run : bool
        Say what would be sent, and send nothing.
    """
    from auditor.watch.notify import smtp, stdout, webhook

    def send(part: NotifyPart, found: Found) -> None:
        if dry_run and part.kind != "stdout":
            echo(f"(dry run) {part.id}: {found.title} [{found.id}]")
        elif part.kind == "webhook":
            webhook.send(part, found, config, environment, sleep)
        elif part.kind == "smtp":
            smtp.send(part, found, config, environment, sleep)
        else:
            echo(stdout.text(found))

    return send
