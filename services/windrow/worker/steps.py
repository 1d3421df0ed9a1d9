"""The boot step that puts a `Hold` into a stock Celery worker, between its pool and its consumer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from celery import bootsteps
from celery.signals import worker_process_init, worker_process_shutdown
from celery.utils.log import get_logger
from celery.worker import state as worker_state

from windrow.telemetry import traces
from windrow.telemetry.process_metrics import Figures, ProcessMetrics, serve
from windrow.worker import child
from windrow.worker.desk import Entry
from windrow.worker.drain import Drain
from windrow.worker.execute import become_child
from windrow.worker.heartbeat import Heartbeat
from windrow.worker.hold import Hold
from windrow.worker.line import Line
from windrow.worker.panel import register_panel
from windrow.worker.request import LedgerRequest
from windrow.worker.settings import WorkerSettings
from windrow.worker.stop import Stop

logger = get_logger(__name__)

#: Seconds that events of tasks gather, and how many at most: each call to the broker costs more than a short job.
EVENTS_SECONDS, EVENTS_AT_ONCE = 0.2, 100
#: Between two looks at the room for more messages, beside those that follow from what happened.
LOOK_SECONDS = 0.25


def hold_step(settings: WorkerSettings) -> type[bootsteps.StartStopStep]:
    """The step for a worker with `settings`; add it to `app.steps["worker"]`."""

    class HoldStep(bootsteps.StartStopStep):
        """See the module."""

        requires = ("celery.worker.components:Pool",)

        def __init__(self, worker: Any, **kwargs: Any) -> None:
            super().__init__(worker, **kwargs)
            pool_type = worker.pool_cls.__module__.rpartition(".")[2]
            hold = self.hold = worker.windrow = Hold(settings, worker.hostname, pool_type, worker.app)
            options = dict(worker.app.conf.broker_transport_options or {})
            if hold.intake.takes_itself:
                # Else Celery would take from Redis lists of the same names.
                worker.app.amqp.queues._consume_from = {}
            worker.app.conf.broker_transport_options = {**options, "windrow_intake": hold.intake.of_transport}
            self.drain = Drain(hold, settings.drain_seconds)
            #: Begun after the pool forked; a child that takes a dead one's place forgets it.
            self.metrics: ProcessMetrics | None = None
            # Children inherit what is made here; it must exist before the pool forks.
            if hold.is_prefork:
                slots, path = hold.slots, hold.line_path

                def greet(**_: Any) -> None:
                    become_child(slots)
                    child.use(Line(path))
                    if self.metrics is not None:
                        self.metrics.forget()
                    child.trace_by(traces.start("worker", settings.traces_endpoint))

                worker_process_init.connect(greet, weak=False)
                worker_process_shutdown.connect(child.stop_tracing, weak=False)
            else:
                child.use(hold.submitter)
                child.trace_by(traces.start("worker", settings.traces_endpoint))

        def start(self, worker: Any) -> None:
            """After the pool forked, before the first message."""
            hold = self.hold
            hold.send = lambda entry: send(worker, hold, entry)
            hold.stop_job = Stop(hold, worker.hub)
            # Before the loop makes its message handler of it. Celery would fail the job.
            worker.consumer.on_unknown_task = lambda body, message, exc: hold.unknown(message)
            # A lost connection must not discard what children have: pool and desk outlive consumers.
            worker.pool.flush = None
            worker.consumer.on_send_event_buffered = gathering(worker)
            worker.consumer.ensure_connected = patient(worker.consumer.ensure_connected, hold.heartbeat)
            hold.start()
            self.metrics = serve(settings.metrics_host, settings.metrics_port, figures(hold))
            register_panel()
            self.drain.catch_signals()

        def register_with_event_loop(self, worker: Any, hub: Any) -> None:
            """At every start of the event loop: once a connection."""
            hold = self.hold
            hold.mailbox.attach(hub)
            hub.timer.call_repeatedly(hold.heartbeat.seconds, hold.heartbeat.beat)
            hub.timer.call_repeatedly(1.0, hold.submitter.flush)
            hub.timer.call_repeatedly(0.1, self.tick, (worker,))
            if hold.intake.takes_itself:
                hub.timer.call_repeatedly(LOOK_SECONDS, hold.intake.look)
            hold.intake.rearm()

        def tick(self, worker: Any) -> None:
            """Ten times a second: look whether the worker drains; at its end the last events are sent."""
            self.drain.tick()
            if worker_state.should_stop is not None:
                worker.consumer._flush_events()

        def stop(self, worker: Any) -> None:
            """After the consumer, before the pool: nothing comes in any more."""
            self.drain.finish()
            child.stop_tracing()
            metrics, self.metrics = self.metrics, None
            if metrics is not None:
                metrics.stop()

        terminate = stop

    return HoldStep


def figures(hold: Hold) -> Figures:
    """What a worker's process tells about itself."""
    desk = hold.desk
    return {
        "slots": ("Jobs that this worker runs at a time.", lambda: hold.settings.concurrency),
        "busy_slots": ("Jobs that its pool has.", lambda: desk.busy),
        "held_jobs": (
            "Messages that it holds: asked for, claimed, run or being saved.",
            lambda: len(desk.entries),
        ),
        "draining": ("1 when it takes no more.", lambda: desk.draining),
    }


def gathering(worker: Any) -> Callable[[], None]:
    """Celery's `on_send_event_buffered`, which sends in the next turn of the loop: here later, and more at once."""
    waits = False

    def send_later() -> None:
        nonlocal waits
        if not waits and worker.hub is not None:
            waits = True
            worker.consumer.event_dispatcher.buffer_limit = EVENTS_AT_ONCE
            worker.hub.call_later(EVENTS_SECONDS, send_now)

    def send_now() -> None:
        nonlocal waits
        waits = False
        worker.consumer._flush_events()

    return send_later


def patient(connect: Callable[[Any], Any], heartbeat: Heartbeat) -> Callable[[Any], Any]:
    """Celery's `ensure_connected`, during which a probe sees life: a broker that is away restarts no pod."""

    def connecting(connection: Any) -> Any:
        with heartbeat.waiting():
            return connect(connection)

    return connecting


def send(worker: Any, hold: Hold, entry: Entry) -> None:
    """Give a claimed job to Celery's pool."""
    held = entry.held
    if held is None:
        return
    consumer = worker.consumer
    task = worker.app.tasks.get(held.task)
    if task is None:
        hold.leave(entry)
        return
    request = LedgerRequest(entry, held, hold, consumer, task)
    entry.request = request
    worker_state.task_reserved(request)
    if request._eventer and request._eventer.enabled:
        request.send_event(
            "task-received",
            name=held.task,
            # Nobody sends task-sent, from which celery-exporter would know it.
            queue=held.queue,
            args=request._argsrepr,
            kwargs="",
            root_id=held.root_id,
            parent_id=held.parent_id,
            retries=held.retries,
            eta=None,
            expires=held.expires_at and held.expires_at.isoformat(),
        )
    request.execute_using_pool(worker.pool)
    if hold.is_prefork:
        _write_now(worker)


def _write_now(worker: Any) -> None:
    """Have the pool write to its idle children at once; by itself it does so a turn of the event loop later."""
    pool = worker.pool._pool
    idle = pool._all_inqueues - pool._busy_workers - pool._active_writes
    write = worker.hub.consolidate_callback
    if idle and write is not None:
        write(list(idle))
