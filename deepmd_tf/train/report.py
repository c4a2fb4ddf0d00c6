"""What a run tells the person watching: a progress bar on a terminal, plain lines elsewhere, a table at the end."""

from __future__ import annotations

import logging
import time
from datetime import timedelta

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

log = logging.getLogger("deepmd_tf")

CONSOLE = Console(stderr=True)
"""Everything that draws on a terminal shares one console, so that log lines appear above a bar and not in it."""


class Stopwatch:
    """Time and speed of a run.

    Parameters
    ----------
    step, last_step : int
        Where the run begins and ends.
    """

    def __init__(self, step: int, last_step: int):
        self._first_step, self._last_step = step, last_step
        self._begin = self._lap_begin = time.monotonic()
        self._lap_step = step

    @property
    def elapsed(self) -> timedelta:
        """Time since the beginning."""
        return timedelta(seconds=round(time.monotonic() - self._begin))

    def lap(self, step: int) -> float:
        """Steps per second since the last lap."""
        now = time.monotonic()
        rate = (step - self._lap_step) / max(now - self._lap_begin, 1e-9)
        self._lap_begin, self._lap_step = now, step
        return rate

    def remaining(self, step: int) -> timedelta:
        """Estimated time to the end, at the average speed so far."""
        done = max(step - self._first_step, 1)
        return timedelta(seconds=round((time.monotonic() - self._begin) / done * (self._last_step - step)))


class Reporter:
    """Progress of a run.

    Parameters
    ----------
    step, last_step : int
        Where the run begins and ends.
    console : Console, optional
        Where to draw; `CONSOLE` by default.
    show_time : bool
        Whether lines tell speed and remaining time (``training.time_training``).
    """

    def __init__(self, step: int, last_step: int, console: Console | None = None, show_time: bool = True):
        self.console = console or CONSOLE
        self.stopwatch = Stopwatch(step, last_step)
        self._last_step, self._show_time = last_step, show_time
        self._progress = Progress(
            TextColumn("training"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("[cyan]{task.fields[rate]}"),
            TimeRemainingColumn(),
            console=self.console,
            disable=not self.console.is_terminal,
            transient=True,
        )
        self._task = self._progress.add_task("training", total=last_step, completed=step, rate="")

    def __enter__(self) -> Reporter:
        """Show the bar."""
        self._progress.start()
        return self

    def __exit__(self, *exception) -> None:
        """Remove the bar."""
        self._progress.stop()

    def advance(self, step: int) -> None:
        """Move the bar."""
        self._progress.update(self._task, completed=step)

    def display(self, step: int, training: dict, validation: dict | None, lr: float) -> None:
        """One line of errors."""
        rate = self.stopwatch.lap(step)
        self._progress.update(self._task, rate=f"{rate:.2f} steps/s")
        parts = [f"step {step:>{len(str(self._last_step))}}"]
        for key, unit in (("rmse_e", "eV/atom"), ("rmse_f", "eV/Å"), ("rmse_v", "eV/atom")):
            if key in training:
                shown = f"{key[-1].upper()} {training[key]:.3e}"
                parts.append(f"{shown} (val {validation[key]:.3e}) {unit}" if validation else f"{shown} {unit}")
        parts.append(f"lr {lr:.2e}")
        if self._show_time:
            parts += [
                f"{rate:.2f} steps/s",
                f"elapsed {self.stopwatch.elapsed}",
                f"left {self.stopwatch.remaining(step)}",
            ]
        log.info("  ".join(parts))

    def summary(self, rows: list[tuple[str, str]]) -> None:
        """Show a table of two columns."""
        table = Table(title="Summary", show_header=False, title_justify="left")
        for row in rows:
            table.add_row(*row)
        self.console.print(table)
