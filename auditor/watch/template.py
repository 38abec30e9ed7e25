"""The configuration that ``audit watch init`` writes: every setting with its default, explained."""

TEMPLATE = """#:schema schema/watch.schema.json
# Scheduled checks. Try: audit watch run --dry-run

[watch]
name = "watch"
archive = "audit-archive"    # answers of the sources, exactly as they came; append only
state = "watch-state"        # can be rebuilt from the archive: audit watch replay --rebuild
reports = "reports"          # reports and the static site
settled_days = 3             # days younger than this are never judged; publishers still correct them
stale_days = 3               # tell me when no new day was published for so long

[budget]
false_alarms_per_year = 6    # over all entities together
confidence = 0.95            # in so many years of a hundred

# One block per leaderboard. The budget is split evenly between the blocks.
[[source]]
name = "{source}"
metric = ""                  # empty where the source has only one
subjects = []                # patterns such as "qwen/*"; empty watches everything it lists
days = 30                    # how far back each run asks
# ask = ["Large_language_model"]   # for sources that must be asked for a subject
# options = {{ dataset = "rankings-daily" }}

# What is known in advance is no alarm. One block per event.
# [[event]]
# entity = "acme/model-1"
# kind = "promotion"         # launch, rename, free_start, free_end, price, promotion, app_default, ...
# date = 2026-05-12
# until = 2026-05-19
# source = "https://example.org/announcement"

# An alarm makes `audit` answer this question, and write a report.
[case]
title = "Rise of {{entity}} from {{opened}}"
rules = true
formats = ["html", "json", "md", "csv"]

# Looked at, and not to be told again: needs a reason and ends by itself.
# [[suppress]]
# entity = "acme/model-1"
# rule = "alarm"
# reason = "Announced batch of one customer, confirmed by the provider."
# expires = 2026-08-01

# Secrets are named by the environment variable that holds them, and never written here.
[[notify]]
kind = "stdout"
on = ["alarm", "record", "event"]

[[notify]]
kind = "atom"
path = "feed.xml"

# [[notify]]
# kind = "webhook"
# shape = "slack"            # json, slack or discord
# url_env = "AUDIT_WEBHOOK_URL"

# [[notify]]
# kind = "smtp"
# host = "mail.example.org"
# sender = "audit@example.org"
# to = ["desk@example.org"]
# user_env = "AUDIT_SMTP_USER"
# password_env = "AUDIT_SMTP_PASSWORD"

[retention]
reports_days = 0             # reports of alarms that ended so many days ago are removed; 0 keeps them
findings_days = 0            # such findings leave state, lists and site; 0 keeps them

[site]
title = "Scheduled checks"
url = ""                     # public address, ending in /, for the feed
"""


def template(source: str = "openrouter") -> str:
    """Return a commented configuration that watches one source."""
    return TEMPLATE.format(source=source)
