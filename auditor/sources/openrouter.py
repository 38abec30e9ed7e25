"""OpenRouter: token totals by model and app, as the publisher states them.

Three ways in, one file each: the keyless exports (:mod:`auditor.sources.openrouter_exports`, the default), the keyed
Data API (:mod:`auditor.sources.openrouter_data`) and the public catalogue (:mod:`auditor.sources.openrouter_catalogue`).
"""

from auditor.observations import Observations
from auditor.sources import openrouter_catalogue, openrouter_data, openrouter_exports
from auditor.sources.base import EventList, Query, Received, Request, unknown_kind
from auditor.sources.openrouter_spec import SPEC

__all__ = ["PARSER_VERSION", "SPEC", "events", "follow", "parse", "requests"]

PARSER_VERSION = 1

_PLANS = {
    "rankings-daily": openrouter_data.rankings,
    "app-rankings": openrouter_data.apps,
    "session-cost": openrouter_data.session_cost,
    "classifications": openrouter_data.classifications,
    "models": openrouter_catalogue.models,
    "endpoints": openrouter_catalogue.endpoints,
}

_PARSERS = {
    "export": openrouter_exports.parse,
    "rankings-daily": openrouter_data.parse_rankings,
    "app-rankings": openrouter_data.parse_apps,
    "session-cost": openrouter_data.parse_session_cost,
    "classifications": openrouter_data.parse_classifications,
    "models": openrouter_catalogue.parse_models,
    "endpoints": openrouter_catalogue.parse_endpoints,
}


def requests(query: Query, /) -> list[Request]:
    """Plan: rankings come from the exports unless ``via=api`` or a filter asks for the keyed API."""
    query.check(SPEC)
    dataset = query.option(SPEC, "dataset")
    if dataset == "rankings-daily" and not openrouter_data.needs_api(query):
        return openrouter_exports.requests(query)
    return _PLANS[dataset](query)


def follow(received: Received, /) -> list[Request]:
    """Go from a manifest to its file and to the snapshot before, and from page to page."""
    kind = received.request.kind
    if kind == "manifest":
        return openrouter_exports.follow(received)
    if kind == "models":
        return openrouter_catalogue.follow(received)
    return openrouter_data.follow(received)


def parse(received: Received, /) -> Observations:
    """Read one answer."""
    parser = _PARSERS.get(received.request.kind)
    if parser is None:
        raise unknown_kind(received)
    return parser(received)


def events(received: Received, /) -> EventList:
    """Read launches from the catalogue; other answers hold none."""
    return openrouter_catalogue.events(received) if received.request.kind == "models" else EventList()
