"""What the daemon sees of a live agent, beyond what the registry keeps, as JSON."""

from __future__ import annotations

from typing import Any

from genie.domain.activity import evidence
from genie.domain.meter import Meter
from genie.services.activity import Watched


def metered(seen: Watched | None) -> dict[str, Any]:
    """What its status line has told last: null for nothing."""
    return {"meter": _meter(seen.meter) if seen and seen.meter else None}


def witnessed(seen: Watched | None) -> dict[str, Any]:
    """The newest word of each source, the newest first; and what its status line has told."""
    told = evidence(seen.known) if seen else ()
    words = [{"source": one.source, "says": one.says, "detail": one.detail, "at": one.at} for one in told]
    return {"evidence": words} | metered(seen)


def _meter(meter: Meter) -> dict[str, Any]:
    limits = [{"name": limit.name, "used": limit.used, "resets_at": limit.resets_at} for limit in meter.limits]
    return {
        "at": meter.at,
        "model": meter.model,
        "cost": meter.cost,
        "context": meter.context,
        "limits": limits,
    }
