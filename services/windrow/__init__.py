"""Windrow: Celery tasks as a production cluster service.

`windrow.adopt(app)` makes an existing Celery app a Windrow app; `windrow.checkpoint()` inside a task stops there when
its job was cancelled.
"""

from __future__ import annotations

# typing's own would be half of what `windrow alive` costs.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from windrow.worker.adopt import adopt
    from windrow.worker.here import checkpoint

__all__ = ["adopt", "checkpoint"]


def __getattr__(name: str) -> Any:
    # Celery is imported by those who use it, not by every door.
    if name == "adopt":
        from windrow.worker.adopt import adopt

        return adopt
    if name == "checkpoint":
        from windrow.worker.here import checkpoint

        return checkpoint
    raise AttributeError(f"module 'windrow' has no attribute {name!r}")
