"""Ready files for a scheduler: a crontab, systemd units, a GitHub Actions workflow that commits the archive."""

import re
from dataclasses import dataclass
from shlex import quote

from auditor.errors import UsageError

KINDS = ("cron", "systemd", "github-actions")


@dataclass(frozen=True)
class Plan:
    """When and where to run.

    Parameters
    ----------
    at : str
        ``HH:MM``, UTC where the scheduler lets one say so.
    config : str
        Path of the configuration.
    folder : str
        Absolute path of the folder to run in (cron and systemd).
    program : str
        The command; an absolute path for systemd.
    secrets : tuple of str
        Environment variables that the configuration names.
    keep : tuple of str
        Folders that the workflow commits.
    """

    at: str = "06:15"
    config: str = "audit.toml"
    folder: str = "/srv/audit"
    program: str = "/usr/local/bin/audit"
    secrets: tuple[str, ...] = ()
    keep: tuple[str, ...] = ("audit-archive", "watch-state", "reports")

    def __post_init__(self) -> None:
        if not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", self.at):
            raise UsageError(f"{self.at!r} is no time of day", hint="write it as 06:15 (UTC)")
        for name, text in (
            ("config", self.config),
            ("folder", self.folder),
            ("program", self.program),
            *(("keep", k) for k in self.keep),
        ):
            if re.search(r"[\x00-\x1f\x7f]", text) or not text:
                raise UsageError(
                    f"the {name} {text!r} cannot stand in a schedule", hint="use a path without control characters"
                )

    @property
    def hour(self) -> str:
        """Hour without a leading zero."""
        return str(int(self.at[:2]))

    @property
    def minute(self) -> str:
        """Minute without a leading zero."""
        return str(int(self.at[3:]))


def schedule(kind: str, plan: Plan) -> dict[str, str]:
    """Return the files of a scheduler by name.

    Raises
    ------
    UsageError
        For an unknown kind.
    """
    if kind == "cron":
        return {"crontab": cron(plan)}
    if kind == "systemd":
        return {"audit-watch.service": service(plan), "audit-watch.timer": timer(plan)}
    if kind == "github-actions":
        return {".github/workflows/audit-watch.yml": workflow(plan)}
    raise UsageError(f"there is no schedule {kind!r}", hint="use one of " + ", ".join(KINDS))


def cron(plan: Plan) -> str:
    """Return a crontab; cron mails whatever is printed, and a second line complains when the first has died."""
    run = f"cd {quote(plan.folder)} && {quote(plan.program)} watch run --config {quote(plan.config)}"
    check = f"cd {quote(plan.folder)} && {quote(plan.program)} watch status --config {quote(plan.config)} --fail-if-older 2 --quiet"
    hour = str((int(plan.hour) + 6) % 24)
    # cron ends a command at a % and takes the rest as its input
    run, check = (text.replace("%", r"\%") for text in (run, check))
    return (
        "# Times are those of the machine unless the daemon honours CRON_TZ. Secrets: set them here or in the environment.\n"
        "CRON_TZ=UTC\n"
        f"{plan.minute} {plan.hour} * * * {run}\n"
        "# Speaks up when no run has finished for two days.\n"
        f"{plan.minute} {hour} * * * {check}\n"
    )


def service(plan: Plan) -> str:
    """Return the systemd service."""
    return (
        "[Unit]\n"
        "Description=Scheduled checks of public usage series\n"
        "Documentation=man:systemd.timer(5)\n"
        "Wants=network-online.target\n"
        "After=network-online.target\n"
        "\n"
        "[Service]\n"
        "Type=oneshot\n"
        f"WorkingDirectory={_unit(plan.folder)}\n"
        f"ExecStart={_quoted(_unit(plan.program))} watch run --config {_argument(plan.config)}\n"
        "# Findings make no failure: without --fail-on, only errors exit with another code than 0.\n"
        f"EnvironmentFile=-{_unit(plan.folder)}/audit-watch.env\n"
        "Restart=on-failure\n"
        "RestartSec=15min\n"
        "NoNewPrivileges=yes\n"
        "PrivateTmp=yes\n"
        "ProtectSystem=strict\n"
        f"ReadWritePaths={_quoted(_unit(plan.folder))}\n"
    )


def timer(plan: Plan) -> str:
    """Return the systemd timer; ``Persistent`` runs at once what was missed while the machine was off."""
    return (
        "[Unit]\n"
        "Description=Daily scheduled checks of public usage series\n"
        "\n"
        "[Timer]\n"
        f"OnCalendar=*-*-* {plan.at}:00 UTC\n"
        "RandomizedDelaySec=10min\n"
        "Persistent=true\n"
        "\n"
        "[Install]\n"
        "WantedBy=timers.target\n"
    )


def workflow(plan: Plan) -> str:
    """Return the workflow: runs, commits what was kept (the git-scraping pattern), and stays scheduled.

    GitHub stops the schedules of a repository without commits for 60 days; the daily commit of the archive is also what
    keeps this one alive, and `watch status` fails the workflow when no run has finished.
    """
    environment = "".join(f"          {name}: ${{{{ secrets.{name} }}}}\n" for name in plan.secrets)
    env = f"        env:\n{environment}" if environment else ""
    # The archive's cache of parsed answers is rebuilt as needed and has no place in a history.
    folders = " ".join([*(quote(folder) for folder in plan.keep), quote(f":(exclude){plan.keep[0]}/cache")])
    config = quote(plan.config)
    return f"""\
name: audit-watch
on:
  schedule:
    - cron: "{plan.minute} {plan.hour} * * *"
  workflow_dispatch: {{}}
permissions:
  contents: write
concurrency:
  group: audit-watch
  cancel-in-progress: false
jobs:
  watch:
    runs-on: ubuntu-latest
    timeout-minutes: 30
    steps:
      - uses: actions/checkout@v4
      - uses: actions/setup-python@v5
        with:
          python-version: "3.12"
      - run: python -m pip install --disable-pip-version-check usage-auditor
      - name: Check
{env}        run: audit watch run --config {_yaml_safe(config)}
      - name: Keep the evidence
        if: always()
        run: |
          git config user.name "audit-watch"
          git config user.email "audit-watch@users.noreply.github.com"
          git add --all -- {folders}
          git commit --quiet --allow-empty --message "Check of $(date --utc +%F)"
          git pull --quiet --rebase
          git push --quiet
      - name: Complain when no run has finished
        if: always()
        run: audit watch status --config {_yaml_safe(config)} --fail-if-older 2 --quiet
"""


def _unit(text: str) -> str:
    """Escape what systemd would expand in a path."""
    return text.replace("\\", "\\\\").replace("%", "%%")


def _argument(text: str) -> str:
    """Quote one argument of a systemd command line."""
    return _quoted(_unit(text).replace("$", "$$"))


def _quoted(plain: str) -> str:
    return plain if re.fullmatch(r"[A-Za-z0-9_./@:+=,$%-]+", plain) else '"' + plain.replace('"', '\\"') + '"'


def _yaml_safe(text: str) -> str:
    """Refuse what would end a plain YAML scalar, rather than guess at two levels of quoting."""
    if re.search(r"(: |\s#|\$\{\{)", text):
        raise UsageError(
            f"the path {text} cannot stand in a workflow", hint="rename the file: letters, digits, . - _ /"
        )
    return text
