"""What a team writes first: FastAPI endpoints around `delay()`, each as `def` and as `async def`."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel

from tests.bench.project import noop, stamp

app = FastAPI()


class Wish(BaseModel):
    """The body of a submit."""

    x: int = 0
    countdown: float = 0.0


class Receipt(BaseModel):
    """The answer to a submit."""

    id: str


@app.post("/echo", status_code=202)
async def echo(wish: Wish) -> Receipt:
    """No Celery: how fast FastAPI itself is."""
    return Receipt(id=f"{wish.x:036}")


@app.post("/def/submit", status_code=202)
def submit_in_a_thread(wish: Wish) -> Receipt:
    """In FastAPI's thread pool."""
    return Receipt(id=noop.delay(wish.x).id)


@app.post("/async/submit", status_code=202)
async def submit_on_the_loop(wish: Wish) -> Receipt:
    """Blocks the event loop meanwhile."""
    return Receipt(id=noop.delay(wish.x).id)


@app.post("/def/stamp", status_code=202)
def stamp_in_a_thread(wish: Wish) -> Receipt:
    """A task that says when it started."""
    return Receipt(id=stamp.apply_async(countdown=wish.countdown or None).id)


@app.post("/async/stamp", status_code=202)
async def stamp_on_the_loop(wish: Wish) -> Receipt:
    """The same, on the loop."""
    return Receipt(id=stamp.apply_async(countdown=wish.countdown or None).id)


@app.post("/def/result")
def result_in_a_thread(wish: Wish) -> dict[str, Any]:
    """Waits for the result as Celery's own documentation does."""
    return {"result": noop.delay(wish.x).get(timeout=10)}


@app.post("/async/result")
async def result_on_the_loop(wish: Wish) -> dict[str, Any]:
    """The same, on the loop."""
    return {"result": noop.delay(wish.x).get(timeout=10)}
