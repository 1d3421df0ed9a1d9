"""A real SMTP server in a thread of the test's process: it keeps what arrives, and says no when told to."""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword


@dataclass
class MailServer:
    """`mails` by arrival. `answers` are said to the next DATAs or RCPTs instead of yes."""

    port: int = 0
    mails: list[EmailMessage] = field(default_factory=list)
    recipients: list[list[str]] = field(default_factory=list)
    data_answers: list[str] = field(default_factory=list)
    rcpt_answers: list[str] = field(default_factory=list)
    #: Who logged in, in order.
    users: list[str] = field(default_factory=list)
    password: str | None = None
    #: How often the connection ends before DATA is answered, when the mail is kept already.
    drops: int = 0
    #: Called before RCPT is answered, and before DATA is, when the mail is kept already.
    before_rcpt: Callable[[], Any] | None = None
    #: How often that was called.
    waiting: int = 0
    before_answer: Callable[[], Any] | None = None

    def with_subject(self, subject: str) -> list[EmailMessage]:
        """Mails that arrived with it."""
        return [mail for mail in list(self.mails) if mail["Subject"] == subject]

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, _: Any) -> str:  # noqa: N802
        if self.before_rcpt is not None:
            self.waiting += 1
            await asyncio.to_thread(self.before_rcpt)
        if self.rcpt_answers:
            return self.rcpt_answers.pop(0)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        if self.data_answers:
            return self.data_answers.pop(0)
        message = message_from_bytes(envelope.original_content, policy=default)
        assert isinstance(message, EmailMessage)
        self.mails.append(message)
        self.recipients.append(envelope.rcpt_tos)
        if self.drops:
            self.drops -= 1
            server.transport.abort()
            return "250 Nobody hears this"
        if self.before_answer is not None:
            await asyncio.to_thread(self.before_answer)
        return "250 OK"

    def check(self, server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        assert isinstance(data, LoginPassword)
        self.users.append(data.login.decode())
        return AuthResult(success=data.password.decode() == self.password, handled=False)


@contextmanager
def mail_server(
    *, tls: ssl.SSLContext | None = None, starttls: ssl.SSLContext | None = None, password: str | None = None
) -> Iterator[MailServer]:
    """A server on a free port of loopback."""
    server = MailServer(password=password)
    loop = asyncio.new_event_loop()

    def session() -> SMTP:
        auth: dict[str, Any] = {}
        if password is not None:
            auth = {
                "auth_required": True,
                "authenticator": server.check,
                "auth_require_tls": starttls is not None,
            }
        return SMTP(
            server,
            hostname="mail.test",
            tls_context=starttls,
            require_starttls=starttls is not None,
            loop=loop,
            **auth,
        )

    listening = loop.run_until_complete(loop.create_server(session, "127.0.0.1", 0, ssl=tls))
    server.port = listening.sockets[0].getsockname()[1]
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        loop.call_soon_threadsafe(listening.close)
        loop.call_soon_threadsafe(_end, loop)
        thread.join(10)
        loop.close()


def _end(loop: asyncio.AbstractEventLoop) -> None:
    tasks = asyncio.all_tasks(loop)
    for task in tasks:
        task.cancel()
    asyncio.gather(*tasks, return_exceptions=True).add_done_callback(lambda _: loop.stop())
    if not tasks:
        loop.stop()
