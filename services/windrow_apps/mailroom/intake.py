"""What `POST /tasks/process` was sent: JSON or a form with a file, told apart by its Content-Type."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO

from fastapi import HTTPException, Request, status
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, UploadFile

from windrow_apps.mailroom.errors import NoRecords
from windrow_apps.mailroom.models import ProcessRequest
from windrow_apps.mailroom.reading import check_beginning

PIECE_BYTES = 1024 * 1024
FIELDS = {"file", "description", "format"}
FORMATS = ("csv", "jsonl")
_ENDINGS = {"csv": "csv", "tsv": "csv", "jsonl": "jsonl", "ndjson": "jsonl"}


@dataclass(frozen=True, slots=True)
class Intake:
    """Records, or where they are."""

    description: str
    #: As the task wants it; without an id where `pieces` are to be kept first.
    source: dict[str, Any]
    pieces: Iterable[bytes] | None = None


@asynccontextmanager
async def intake(request: Request) -> AsyncIterator[Intake]:
    """Read and check the body; what it gives may be used inside. Raises RequestValidationError or HTTPException."""
    kind = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        async with request.form(max_files=1, max_fields=8, max_part_size=64 * 1024) as form:
            yield await run_in_threadpool(_of_form, form)
    elif kind == "application/json" or kind.endswith("+json"):
        body = await request.body()
        # Megabytes of JSON take a while, and others want the loop.
        yield await run_in_threadpool(_of_json, body)
    else:
        raise HTTPException(
            status.HTTP_415_UNSUPPORTED_MEDIA_TYPE,
            "Send application/json, or multipart/form-data with a file",
        )


def invalid(where: tuple[str | int, ...], message: str) -> RequestValidationError:
    """FastAPI's own error, so that whoever shapes errors for the whole API shapes this one too."""
    return RequestValidationError([{"type": "value_error", "loc": where, "msg": message, "input": None}])


def _of_json(body: bytes) -> Intake:
    try:
        wish = ProcessRequest.model_validate_json(body)
    except ValidationError as error:
        flaws = error.errors(include_url=False, include_input=False, include_context=False)
        raise RequestValidationError([{**flaw, "loc": ("body", *flaw["loc"])} for flaw in flaws]) from None
    data = wish.data
    if data.url is not None:
        return Intake(wish.description, {"kind": "url", "url": data.url, "format": data.format})
    if isinstance(data.records, int):
        return Intake(wish.description, {"kind": "jobs", "records": data.records})
    if data.records is not None:
        return Intake(wish.description, {"kind": "upload", "format": "jsonl"}, _lines(data.records))
    text = (data.content or "").encode()
    if not text.strip():
        raise invalid(("body", "data", "content"), "there are no records: it is blank")
    _check(text, data.format, ("body", "data", "content"))
    return Intake(wish.description, {"kind": "upload", "format": data.format}, _cut(text))


def _of_form(form: FormData) -> Intake:
    unknown = sorted(set(form) - FIELDS)
    if unknown:
        raise invalid(("body", unknown[0]), f"unknown field; known are {', '.join(sorted(FIELDS))}")
    file = form.get("file")
    if not isinstance(file, UploadFile):
        raise invalid(("body", "file"), "a file is missing")
    if not file.size:
        raise invalid(("body", "file"), "there are no records: the file is empty")
    description, form_at = _text(form, "description"), _text(form, "format") or None
    if len(description) > 1000 or "\x00" in description:
        raise invalid(("body", "description"), "at most 1000 characters, none of them NUL")
    if form_at not in (None, *FORMATS):
        raise invalid(("body", "format"), f"one of {', '.join(FORMATS)}")
    ending = (file.filename or "").rpartition(".")[2].lower()
    known = form_at or _ENDINGS.get(ending)
    file.file.seek(0)
    _check(file.file.read(PIECE_BYTES + 1), known, ("body", "file"))
    return Intake(description, {"kind": "upload", "format": known}, _file(file.file))


def _check(content: bytes, form_at: str | None, where: tuple[str, ...]) -> None:
    # Its beginning is enough: a file of many megabytes has records, or its job says why not.
    try:
        check_beginning(content[:PIECE_BYTES], form_at, whole=len(content) <= PIECE_BYTES)
    except NoRecords as error:
        raise invalid(where, str(error)) from None


def _text(form: Mapping[str, Any], name: str) -> str:
    value = form.get(name, "")
    if not isinstance(value, str):
        raise invalid(("body", name), "must be text")
    return value


def _file(file: BinaryIO) -> Iterator[bytes]:
    file.seek(0)
    while piece := file.read(PIECE_BYTES):
        yield piece


def _cut(text: bytes) -> Iterator[bytes]:
    for start in range(0, len(text), PIECE_BYTES):
        yield text[start : start + PIECE_BYTES]


def _lines(records: Iterable[Mapping[str, Any]]) -> Iterator[bytes]:
    piece = bytearray()
    for record in records:
        piece += json.dumps(record, ensure_ascii=False).encode() + b"\n"
        if len(piece) >= PIECE_BYTES:
            yield bytes(piece)
            piece.clear()
    if piece:
        yield bytes(piece)
