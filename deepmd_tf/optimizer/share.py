"""Interface of an optimizer to the processes that train together."""

from __future__ import annotations

from typing import Any, Protocol


class Share(Protocol):
    """Number of this process, number of processes, and an exchange of values between them."""

    rank: int
    size: int

    def gather(self, value: Any) -> list[Any]:
        """Return the values of all processes, by rank."""
