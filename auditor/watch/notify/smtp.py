"""E-mail by SMTP, over TLS unless told otherwise."""

import smtplib
import ssl
from collections.abc import Callable, Mapping
from email.message import EmailMessage

from auditor.watch.config import Config, NotifyPart
from auditor.watch.found import Found
from auditor.watch.notify.retry import PassingError, again
from auditor.watch.notify.words import headline, paragraphs
from auditor.watch.outbox import NotifyError

SECONDS = 30.0

_HINT = "check host, port, tls and the environment variables of user and password"


def message(part: NotifyPart, found: Found, config: Config) -> EmailMessage:
    """Build the mail; its Message-ID is the finding's id, so that a second delivery is the same mail."""
    mail = EmailMessage()
    mail["From"] = part.sender
    mail["To"] = ", ".join(part.to)
    # A line break in a published name would otherwise start a header of its own.
    mail["Subject"] = " ".join(f"{config.watch.name}: {headline(found)}".split())
    domain = part.sender.rpartition("@")[2].strip("> ") or "localhost"
    mail["Message-ID"] = f"<{found.id}.{part.id}@{domain}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content("\n\n".join([*paragraphs(found, config), f"id {found.id}"]) + "\n")
    return mail


def send(
    part: NotifyPart,
    found: Found,
    config: Config,
    environment: Mapping[str, str],
    sleep: Callable[[float], None],
) -> None:
    """Send one finding.

    Raises
    ------
    NotifyError
        When a variable is not set, or the server does not take the mail.
    """
    login = None
    if part.user_env and part.password_env:
        login = environment.get(part.user_env, ""), environment.get(part.password_env, "")
        if not all(login):
            raise NotifyError(
                f"the environment variables {part.user_env} and {part.password_env} are not both set", hint=_HINT
            )
    mail = message(part, found, config)
    again(lambda: _post(part, mail, login), part.tries, sleep, _HINT)


def _post(part: NotifyPart, mail: EmailMessage, login: tuple[str, str] | None) -> None:
    try:
        with _connected(part) as server:
            if login is not None:
                server.login(*login)
            server.send_message(mail)
    except smtplib.SMTPResponseException as error:
        # 4xx: try again later. The server's words may repeat the login, so only its number is told.
        if 400 <= error.smtp_code < 500:
            raise PassingError(f"the mail server answered {error.smtp_code}") from None
        raise NotifyError(f"the mail server answered {error.smtp_code}", hint=_HINT) from None
    except smtplib.SMTPRecipientsRefused as error:
        codes = {code for code, _ in error.recipients.values()}
        if all(400 <= code < 500 for code in codes):
            raise PassingError("the mail server put all recipients off") from None
        raise NotifyError("the mail server refused the recipients", hint=_HINT) from None
    except smtplib.SMTPNotSupportedError:
        raise NotifyError("the mail server offers no TLS or no login", hint=_HINT) from None
    except (smtplib.SMTPException, OSError) as error:
        raise PassingError(f"the mail server could not be reached ({type(error).__name__})") from None


def _connected(part: NotifyPart) -> smtplib.SMTP:
    context = ssl.create_default_context()
    if part.tls == "tls":
        return smtplib.SMTP_SSL(part.host, part.port, timeout=SECONDS, context=context)
    server = smtplib.SMTP(part.host, part.port, timeout=SECONDS)
    if part.tls == "starttls":
        try:
            server.starttls(context=context)
        except BaseException:
            server.close()
            raise
    return server
