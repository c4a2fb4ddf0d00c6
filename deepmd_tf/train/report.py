"""Progress of a run on the screen: a bar on a terminal, plain lines elsewhere, a table at the end."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Iterator
from datetime import timedelta

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from deepmd_tf.train.callbacks import Beginning, Callback, Display, TrainingResult

log = logging.getLogger("deepmd_tf")

CONSOLE = Console(stderr=True)
"""Console for everything that draws on the terminal; sharing it keeps log lines above a progress bar."""


@contextlib.contextmanager
def frame_progress(frames: int) -> Iterator[Callable[[int], None]]:
    """Show a progress bar while frames are read; give the function that advances it by a number of frames."""
    with Progress(console=CONSOLE, transient=True, disable=not CONSOLE.is_terminal) as progress:
        task = progress.add_task("reading frames", total=frames)
        yield lambda count: progress.advance(task, count)


class Stopwatch:
    """Time and speed of a run.

    Parameters
    ----------
    step, last_step : int
        First and last step of the run.
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


class Reporter(Callback):
    """Shows the progress of a run, a log line at every display, and a summary at the end.

    Parameters
    ----------
    console : Console, optional
        Console to draw on; standard error by default.
    """

    def __init__(self, console: Console | None = None):
        self.console = console or CONSOLE
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

    def on_begin(self, beginning: Beginning) -> None:
        """Show the bar and start the clock."""
        options = beginning.config.training
        self._curve, self._last_step, self._show_time = options.disp_file, options.numb_steps, options.time_training
        self._stopwatch = Stopwatch(beginning.step, self._last_step)
        self._task = self._progress.add_task("training", total=self._last_step, completed=beginning.step, rate="")
        self._progress.start()

    def on_step(self, step: int) -> None:
        """Move the bar."""
        self._progress.update(self._task, completed=step)

    def on_display(self, display: Display) -> None:
        """Log one line of errors."""
        rate = self._stopwatch.lap(display.step)
        self._progress.update(self._task, rate=f"{rate:.2f} steps/s")
        parts = [f"step {display.step:>{len(str(self._last_step))}}"]
        for key, unit in (("rmse_e", "eV/atom"), ("rmse_f", "eV/Å"), ("rmse_v", "eV/atom")):
            if key in display.training:
                text = f"{key[-1].upper()} {display.training[key]:.3e}"
                parts.append(
                    f"{text} (val {display.validation[key]:.3e}) {unit}" if display.validation else f"{text} {unit}"
                )
        parts.append(f"lr {display.learning_rate:.2e}")
        if self._show_time:
            parts += [
                f"{rate:.2f} steps/s",
                f"elapsed {self._stopwatch.elapsed}",
                f"left {self._stopwatch.remaining(display.step)}",
            ]
        log.info("  ".join(parts))

    def on_end(self, result: TrainingResult) -> None:
        """Show the summary."""
        self._progress.stop()
        outcome = "interrupted at" if result.interrupted else "trained to"
        rows = [
            (outcome, f"step {result.step} of {result.last_step}"),
            ("wall time", str(result.elapsed)),
            ("learning curve", self._curve),
            ("checkpoint", str(result.checkpoint)),
            *result.parallel,
        ]
        if result.best is not None:
            rows.append(("best so far", f"{result.best} (validation {result.best_score:.4e})"))
        command = "dp train INPUT --restart {}" if result.interrupted else "dp freeze -c {} -o graph.pb"
        rows.append(("next", command.format(result.checkpoint)))
        table = Table(title="Summary", show_header=False, title_justify="left")
        for row in rows:
            table.add_row(*row)
        self.console.print(table)

    def close(self) -> None:
        """Remove the bar."""
        self._progress.stop()
