"""One call of a language model over the OpenAI protocol: `POST {base_url}/chat/completions`.

httpx, not the `openai` package: that one retries by itself, and which provider is asked when is decided here.
"""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from windrow_apps.summaries.errors import CallFailed, TooMany
from windrow_apps.summaries.settings import Provider

USER_AGENT = "windrow-summaries/1"
#: Bytes of an answer: a summary is a thousandth of it.
MAX_BYTES = 4 * 1024 * 1024
MAX_CHARACTERS = 20_000
#: Seconds: no Retry-After is believed to be longer.
MAX_RETRY_AFTER = 3600.0


@dataclass(frozen=True, slots=True)
class Completion:
    """What a model wrote, and the tokens that it counted; None: it did not say."""

    text: str
    input_tokens: int | None
    output_tokens: int | None


def complete(
    provider: Provider, messages: Sequence[Mapping[str, str]], max_output_tokens: int, seconds: float
) -> Completion:
    """Call it once, for at most `seconds`. Raises CallFailed, TooMany, or SettingsWrong when its key is missing."""
    body = {
        "model": provider.model,
        "messages": list(messages),
        "max_tokens": max_output_tokens,
        "stream": provider.stream,
        **provider.extra,
    }
    raw = _post(provider, body, seconds)
    try:
        answer = _of_stream(raw) if provider.stream else json.loads(raw)
        return _completion(answer)
    except CallFailed:
        raise
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError):
        raise _broken(provider, "malformed", "its answer is not what the protocol says") from None


def _post(provider: Provider, body: Mapping[str, Any], seconds: float) -> bytes:
    key = provider.key()
    headers = {"User-Agent": USER_AGENT, "Accept-Encoding": "identity"}
    if key is not None:
        headers["Authorization"] = f"Bearer {key.get_secret_value()}"
    deadline = time.monotonic() + seconds
    try:
        with (
            httpx.Client(timeout=seconds, trust_env=False, headers=headers) as client,
            client.stream("POST", f"{provider.base_url.rstrip('/')}/chat/completions", json=body) as answer,
        ):
            _check_status(provider, answer)
            return _read(provider, answer, deadline)
    except (httpx.ConnectTimeout, httpx.ConnectError):
        raise CallFailed("error", f"{provider.name} cannot be reached", perhaps_charged=False) from None
    except httpx.TimeoutException:
        raise _broken(provider, "timeout", f"no answer within {seconds:.3g} s") from None
    except httpx.TransportError:
        raise _broken(provider, "truncated", "its answer breaks off") from None
    except (httpx.HTTPError, httpx.InvalidURL, UnicodeError):
        raise CallFailed("error", f"{provider.name} cannot be asked", perhaps_charged=False) from None


def _check_status(provider: Provider, answer: httpx.Response) -> None:
    status = answer.status_code
    if status == httpx.codes.OK:
        return
    message = f"{provider.name} answered {status}"
    if status == httpx.codes.TOO_MANY_REQUESTS:
        raise TooMany(message, retry_after(answer.headers.get("Retry-After"), datetime.now(UTC)))
    outcome = "error" if status >= httpx.codes.INTERNAL_SERVER_ERROR else "refused"
    raise CallFailed(outcome, message, perhaps_charged=False)


def _read(provider: Provider, answer: httpx.Response, deadline: float) -> bytes:
    read = bytearray()
    for piece in answer.iter_bytes():
        read += piece
        if len(read) > MAX_BYTES:
            raise _broken(provider, "malformed", "its answer does not end")
        # A time-out of httpx is one between two pieces.
        if time.monotonic() > deadline:
            raise _broken(provider, "timeout", "its answer took too long")
        if provider.stream and read.rstrip().endswith(b"data: [DONE]"):
            break
    return bytes(read)


def _of_stream(raw: bytes) -> dict[str, Any]:
    text: list[str] = []
    usage: Any = None
    ended = False
    for line in raw.decode("utf-8").splitlines():
        if not line.startswith("data:"):
            continue
        data = line.removeprefix("data:").strip()
        if data == "[DONE]":
            ended = True
            break
        event = json.loads(data)
        usage = event.get("usage") or usage
        for choice in event["choices"][:1]:
            text.append(choice.get("delta", {}).get("content") or "")
            ended = ended or choice.get("finish_reason") is not None
    if not ended:
        raise CallFailed("truncated", "the stream broke off", perhaps_charged=True)
    return {"choices": [{"message": {"content": "".join(text)}}], "usage": usage}


def _completion(answer: Any) -> Completion:
    text = answer["choices"][0]["message"]["content"].replace("\0", "").strip()
    if not text:
        raise ValueError("it wrote nothing")
    usage = answer.get("usage") or {}
    return Completion(
        text[:MAX_CHARACTERS].encode("utf-8", "replace").decode(),
        _count(usage.get("prompt_tokens")),
        _count(usage.get("completion_tokens")),
    )


def _count(value: Any) -> int | None:
    return value if type(value) is int and 0 <= value < 2**31 else None


def _broken(provider: Provider, outcome: str, words: str) -> CallFailed:
    return CallFailed(outcome, f"{provider.name}: {words}", perhaps_charged=True)


def retry_after(value: str | None, now: datetime) -> float | None:
    """The seconds that a Retry-After asks for, at most an hour; it may be a number or a date. None: unreadable."""
    if value is None:
        return None
    try:
        seconds = (
            float(value) if value.strip().isdigit() else (parsedate_to_datetime(value) - now).total_seconds()
        )
    except (ValueError, TypeError):
        return None
    return min(max(seconds, 0.0), MAX_RETRY_AFTER)
