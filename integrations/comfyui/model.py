"""What goes from node to node: an engine, and the adapters laid over it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Dict, Optional, Tuple

import newbie


@dataclass(frozen=True)
class NewbieModel:
    """Values are shared by branches of a graph, so that nothing of one is changed: another adapter is another model."""

    engine: newbie.Engine
    adapters: Tuple[Tuple[str, float], ...] = ()

    def with_adapter(self, path: str, strength: float) -> "NewbieModel":
        out = replace(self, adapters=(*self.adapters, (path, strength)))
        out.prepare({"prompt": ""})  # a file that does not fit is told here, at its node
        return out

    def prepare(self, request: Dict[str, Any]) -> newbie.Job:
        adapters = [{"name": path, "strength": strength} for path, strength in self.adapters]
        return self.engine.prepare({**request, "loras": adapters})


# The engine opened last, by how it was opened: a graph that is run again does not open its model again.
_last: Optional[Tuple[Tuple[Any, ...], newbie.Engine]] = None


def open_model(folder: str, dtype: str, memory_bytes: int, threads: int) -> NewbieModel:
    global _last
    key = (folder, dtype, memory_bytes, threads)
    if _last is None or _last[0] != key:
        _last = None  # what it kept is free before another one is opened
        _last = key, newbie.Engine(folder or None, dtype=dtype, memory=memory_bytes, threads=threads)
    return NewbieModel(_last[1])
