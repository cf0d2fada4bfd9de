"""The profile of a session as a file that chrome://tracing and Perfetto show."""

from __future__ import annotations

import datetime
import json
import os

from limner import Profile


def write(prefix: str, profile: Profile) -> str:
    """Writes the mean run; returns the file's name."""
    name = f"{prefix}_{datetime.datetime.now():%Y-%m-%d_%H-%M-%S_%f}.json"
    events, start = [], 0.0
    for index, step in enumerate(profile):
        arguments = {"op_name": step.operator, "provider": "CPUExecutionProvider", "node_index": str(index), "runs": step.runs}
        arguments["output_shape"] = list(step.shape)
        event = {"cat": "Node", "pid": os.getpid(), "tid": 0, "dur": round(1e3 * step.mean, 3), "ts": round(start, 3)}
        events.append({**event, "ph": "X", "name": f"{step.name}_kernel_time", "args": arguments})
        start += 1e3 * step.mean
    with open(name, "w", encoding="utf-8") as file:
        json.dump(events, file, indent=0)
    return name
