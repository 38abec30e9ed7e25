"""What OpenRouter declares: licence, citation, limits and options."""

from datetime import date

from auditor.sources.base import Key, Option, Spec

#: First day of the daily rankings.
FIRST_DAY = date(2025, 1, 1)
#: First day that any keyless export holds (the oldest snapshot is of 2026-09-19 and reaches 30 days back).
FIRST_EXPORT_DAY = date(2026, 8, 20)

#: The publisher's word for everything below the cut-off: a total's remainder, never a model.
REMAINDER = "other"

CITATION = "Source: OpenRouter (openrouter.ai/rankings), as of {as_of}. Licensed under CC BY 4.0."

SPEC = Spec(
    name="openrouter",
    title="OpenRouter",
    licence="CC BY 4.0",
    licence_url="https://creativecommons.org/licenses/by/4.0/",
    citation=CITATION,
    base_url="https://openrouter.ai/api/v1",
    hosts=("openrouter.ai",),
    docs="https://openrouter.ai/docs/cookbook/administration/data-api",
    grain="tokens (prompt + completion) per model and UTC day, top 50 and the remainder; keyless from 2026-08-20, with a "
    "key from 2025-01-01",
    # 30 requests a minute are allowed per key; a real client stays at 0.4 a second.
    seconds_between=2.5,
    key=Key("OPENROUTER_API_KEY", page="https://openrouter.ai/settings/keys"),
    options=(
        Option(
            "dataset",
            "what to fetch",
            ("rankings-daily", "app-rankings", "session-cost", "classifications", "models", "endpoints"),
            "rankings-daily",
        ),
        Option(
            "via", "keyless daily exports, or the keyed Data API (whole history, filters)", ("export", "api"), "export"
        ),
        Option("period", "spacing of the rankings (Data API)", ("day", "week", "month"), "day"),
        Option(
            "modality",
            "filter of the rankings (Data API)",
            ("", "text", "image", "image_output", "audio", "tool_calling"),
        ),
        Option("context_bucket", "filter of the rankings (Data API)", ("", "1K", "10K", "100K", "1M", "10M")),
        Option(
            "category", "filter: a sampled weekly estimate for rankings (Data API), a group of apps for app-rankings"
        ),
        Option("language_type", "filter: a sampled weekly estimate (Data API)", ("", "natural", "programming")),
        Option("app_slug", "filter of session-cost"),
        Option("model", "filter of session-cost"),
    ),
    independence="is the audited series itself; its exports and its Data API are one record",
)
