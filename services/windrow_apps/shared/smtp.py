"""One mail to an SMTP server: TLS, authentication, bounded waits, and whether trying again can help."""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from enum import StrEnum

from email_validator import EmailNotValidError, validate_email
from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

#: Domains that only an internal network knows; email-validator refuses those of RFC 6761 itself.
INTERNAL_SUFFIXES = ("internal", "intranet", "private", "corp", "home", "lan", "home.arpa", "localdomain")


#: Seven bits: not every server on the way takes eight.
_POLICY = SMTP.clone(cte_type="7bit")


class MailError(Exception):
    """A mail was not sent; the message has no secrets."""


class MailTransient(MailError):
    """The server is away, or says 4xx: again, later."""


class MailRefused(MailError):
    """The server says 5xx, or cannot do what the settings ask: again would not help."""


class BadAddress(ValueError):
    """Not an address that mail is sent to."""


class Security(StrEnum):
    """How the connection to the server is protected."""

    NONE = "none"
    STARTTLS = "starttls"
    TLS = "tls"


class SmtpSettings(BaseSettings):
    """The mail server. Each field is read from `WINDROW_SMTP_<NAME>`; `sender` from `WINDROW_SMTP_FROM`."""

    model_config = SettingsConfigDict(env_prefix="WINDROW_SMTP_", frozen=True, extra="ignore")

    #: The mail server's host and port; no host: mails fail and say so.
    host: str = ""
    port: int = Field(default=587, ge=1, le=65535)
    #: With a user the client logs in, which it does over TLS only.
    user: str = ""
    password: SecretStr = SecretStr("")
    #: TLS after STARTTLS, from the first byte, or not at all.
    security: Security = Security.STARTTLS
    #: Address in `From` and in the envelope.
    sender: str = Field(default="windrow@example.com", validation_alias="WINDROW_SMTP_FROM")
    #: File of certificates that the server's is checked with; empty: the system's.
    ca_file: str = ""
    #: Domains that callers' mail may go to, separated by commas; empty: every public one.
    recipient_domains: str = Field(default="", validation_alias="WINDROW_MAILROOM_RECIPIENT_DOMAINS")
    #: Seconds for each step: connect, each answer, the body.
    step_seconds: float = Field(default=15, gt=0, le=120)


def smtp_settings() -> SmtpSettings:
    """Read the settings now; for entry points."""
    return SmtpSettings()


def clean_address(text: str) -> str:
    """The address as mail is sent to it: one, plain, with a public domain. Raises BadAddress."""
    try:
        found = validate_email(text, check_deliverability=False, allow_smtputf8=False)
    except EmailNotValidError as error:
        raise BadAddress(str(error)) from None
    address = found.ascii_email or found.normalized
    domain = found.ascii_domain.lower()
    if any(domain.endswith(f".{suffix}") for suffix in INTERNAL_SUFFIXES):
        raise BadAddress(f"{domain} is not a public domain")
    return address


def check_domain(address: str, settings: SmtpSettings) -> None:
    """Refuse an address beyond the settings' domains. Raises BadAddress."""
    known = {each.strip().lower() for each in settings.recipient_domains.split(",")} - {""}
    domain = address.rpartition("@")[2].lower()
    if known and domain not in known:
        raise BadAddress(f"mail to {domain} is not allowed here")


def compose(
    settings: SmtpSettings, to: str, subject: str, text: str, message_id: str, when: datetime | None = None
) -> EmailMessage:
    """A plain text mail. Raises ValueError for a header that would become two."""
    message = EmailMessage(policy=_POLICY)
    message["From"] = Address(addr_spec=settings.sender)
    message["To"] = Address(addr_spec=to)
    message["Subject"] = subject
    message["Date"] = format_datetime(when or datetime.now(UTC))
    message["Message-ID"] = message_id
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(text)
    return message


def send(message: EmailMessage, settings: SmtpSettings, accepted: Callable[[], None] = lambda: None) -> None:
    """Hand `message` to the server. Raises MailTransient or MailRefused, and what `accepted` raises.

    `accepted` is called once the server has said yes, before anything else is asked of it.
    """
    if not settings.host:
        raise MailRefused("WINDROW_SMTP_HOST is not set: there is no server to send mail with")
    with _told(settings):
        server = _connect(settings)
        try:
            # Not `send_message`: it writes `>From` for a line that begins with that word.
            server.sendmail(settings.sender, [_recipient(message)], message.as_bytes())
            accepted()
        except BaseException:
            server.close()
            raise
        # Whatever goes wrong with the goodbye must not send it again.
        try:
            server.quit()
        except (OSError, smtplib.SMTPException):
            server.close()


def _recipient(message: EmailMessage) -> str:
    (address,) = message["To"].addresses
    return str(address.addr_spec)


def _connect(settings: SmtpSettings) -> smtplib.SMTP:
    seconds = settings.step_seconds
    if settings.security is Security.TLS:
        server: smtplib.SMTP = smtplib.SMTP_SSL(
            settings.host, settings.port, timeout=seconds, context=_tls(settings)
        )
    else:
        server = smtplib.SMTP(settings.host, settings.port, timeout=seconds)
    try:
        if settings.security is Security.STARTTLS:
            server.starttls(context=_tls(settings))
        if settings.user:
            if settings.security is Security.NONE:
                raise MailRefused("a password is not sent without TLS: set WINDROW_SMTP_SECURITY")
            server.login(settings.user, settings.password.get_secret_value())
    except BaseException:
        server.close()
        raise
    return server


def _tls(settings: SmtpSettings) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=settings.ca_file or None)


@contextmanager
def _told(settings: SmtpSettings) -> Iterator[None]:
    """Every way in which smtplib fails, as one of two."""
    where = f"{settings.host}:{settings.port}"
    try:
        yield
    except MailError:
        raise
    except smtplib.SMTPRecipientsRefused as error:
        code, reason = next(iter(error.recipients.values()))
        raise _by_code(code, reason, where) from error
    except smtplib.SMTPResponseException as error:
        raise _by_code(error.smtp_code, error.smtp_error, where) from error
    except smtplib.SMTPServerDisconnected as error:
        raise MailTransient(f"{where} closed the connection: {error}") from error
    except (smtplib.SMTPNotSupportedError, ssl.SSLCertVerificationError, UnicodeError) as error:
        raise MailRefused(f"{where}: {error}") from error
    except (smtplib.SMTPException, OSError) as error:
        raise MailTransient(f"{where}: {error or type(error).__name__}") from error


def _by_code(code: int, reason: bytes | str, where: str) -> MailError:
    words = reason.decode("utf-8", "replace") if isinstance(reason, bytes) else reason
    # smtplib says -1 for what it could not read.
    kind = MailRefused if 500 <= code < 600 else MailTransient
    return kind(f"{where} answered {code} {words}"[:500])
