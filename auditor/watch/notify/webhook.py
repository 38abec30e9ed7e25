"""Webhooks: generic JSON, and the shapes that Slack and Discord take."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from auditor.watch.config import Config, NotifyPart
from auditor.watch.found import Found
from auditor.watch.notify.retry import PassingError, again
from auditor.watch.notify.words import headline, paragraphs, record
from auditor.watch.outbox import NotifyError

SECONDS = 20.0

_SLACK_TEXT = 2900
"""Slack refuses a section of more than 3,000 characters."""

_DISCORD_TEXT = 4000
"""Discord refuses an embed description of more than 4,096."""

_HINT = "check the address in the environment variable, and whether the service is up"


def payload(shape: str, found: Found, config: Config) -> dict[str, Any]:
    """Return the body for a shape: ``json``, ``slack`` (Block Kit) or ``discord`` (one embed)."""
    text = "\n\n".join(paragraphs(found, config))
    if shape == "slack":
        safe = _mrkdwn(text)[:_SLACK_TEXT]
        return {
            "text": _mrkdwn(headline(found)),
            "blocks": [
                {"type": "header", "text": {"type": "plain_text", "text": headline(found)[:150]}},
                {"type": "section", "text": {"type": "mrkdwn", "text": safe}},
                {"type": "context", "elements": [{"type": "mrkdwn", "text": f"id {found.id}"}]},
            ],
        }
    if shape == "discord":
        embed: dict[str, Any] = {
            "title": headline(found)[:256],
            "description": text[:_DISCORD_TEXT],
            "footer": {"text": f"id {found.id}"},
        }
        if config.site.url and found.report:
            embed["url"] = f"{config.site.url}{found.report}/index.html"
        # A name from a leaderboard must not be able to call everyone.
        return {"embeds": [embed], "allowed_mentions": {"parse": []}}
    return record(found, config)


def send(
    part: NotifyPart,
    found: Found,
    config: Config,
    environment: Mapping[str, str],
    sleep: Callable[[float], None],
) -> None:
    """Post one finding; the header ``Idempotency-Key`` is the finding's id, so that a second delivery can be told.

    Raises
    ------
    NotifyError
        When the variable is not set, or the service does not take it.
    """
    url = environment.get(part.url_env or "", "")
    if not url.startswith(("https://", "http://")):
        raise NotifyError(
            f"the environment variable {part.url_env} holds no web address", hint="set it to the webhook's address"
        )
    body = json.dumps(payload(part.shape, found, config), ensure_ascii=False, sort_keys=True).encode("utf-8", "replace")
    again(lambda: _post(url, body, found.id), part.tries, sleep, _HINT)


def _post(url: str, body: bytes, key: str) -> None:
    import httpx

    headers = {"content-type": "application/json; charset=utf-8", "idempotency-key": key}
    try:
        answer = httpx.post(url, content=body, headers=headers, timeout=SECONDS, follow_redirects=False)
    except httpx.InvalidURL:
        raise NotifyError("the webhook's address is no web address", hint=_HINT) from None
    except httpx.HTTPError as error:
        # The text of the error may repeat the address, which is a secret here.
        raise PassingError(f"the webhook could not be reached ({type(error).__name__})") from None
    if answer.status_code == 429 or answer.status_code >= 500:
        raise PassingError(f"the webhook answered {answer.status_code}", _seconds(answer.headers.get("retry-after")))
    if not 200 <= answer.status_code < 300:
        raise NotifyError(f"the webhook answered {answer.status_code}", hint=_HINT)


def _seconds(stated: str | None) -> float | None:
    try:
        return None if stated is None else max(0.0, float(stated))
    except ValueError:
        return None


def _mrkdwn(text: str) -> str:
    """Escape what Slack would read as a mention or a link."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
