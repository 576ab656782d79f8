"""How often to look for something that is waited for."""

from __future__ import annotations

SHORTEST, LONGEST = 0.001, 0.05


def pause_after(waited: float) -> float:
    """Seconds until the next look: what comes is seen a twentieth late at most."""
    return min(max(waited / 20, SHORTEST), LONGEST)
