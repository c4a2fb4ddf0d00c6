"""Training runs that are stopped and continued, so that they can alternate on the same processors."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

from benchmarks.programs import Program, environment, pin, tail, write_input

_POLL = 0.001
_PATIENCE = 7200.0


class PausedTraining:
    """``dp train`` of one program, which advances by one line of its learning curve and then stops.

    The process is stopped by a signal. The measurement needs only the learning curve, which both programs write.
    Start-up, compilation and reading of data happen before its first line.

    Parameters
    ----------
    program : Program
        Program that provides ``dp train``.
    table : dict
        Input; a line is written every ``training.disp_freq`` steps.
    directory : Path
        Working directory.
    threads : int
        Number of threads, and of processors that the process may use.
    options : tuple of str
        Options of ``dp train``.

    Attributes
    ----------
    last_step : int
        Step of the newest line of the learning curve; -1 before the first.
    peak_memory : int
        Maximum resident memory so far (KiB).
    """

    def __init__(
        self,
        program: Program,
        table: dict,
        directory: Path,
        threads: int,
        options: tuple[str, ...] = ("--skip-neighbor-stat",),
    ):
        write_input(directory, table)
        self._curve = directory / table["training"]["disp_file"]
        self._curve.unlink(missing_ok=True)
        self._name, self._log = program.name, directory / "train.log"
        self._steps = int(table["training"]["disp_freq"])
        with self._log.open("w") as stream:
            self._process = subprocess.Popen(
                program.command("train", *options, "input.json"),
                cwd=directory,
                stdout=stream,
                stderr=subprocess.STDOUT,
                env=environment(threads),
                start_new_session=True,
                preexec_fn=pin(threads),
            )
        self._lines = 0
        self.last_step = -1
        self.peak_memory = 0

    def __enter__(self) -> PausedTraining:
        """Return the run."""
        return self

    def __exit__(self, *exception) -> None:
        """End the process, finished or not."""
        if self._process.poll() is None:
            self._signal(signal.SIGKILL)
        self._process.wait()

    def advance(self) -> float:
        """Train to the next line of the learning curve and stop; return the seconds per step."""
        begin = time.perf_counter()
        self._signal(signal.SIGCONT)
        while len(lines := self._read()) <= self._lines:
            if self._process.poll() is not None:
                raise SystemExit(f"{self._name}: training ended early:\n{tail(self._log)}")
            if time.perf_counter() - begin > _PATIENCE:
                raise SystemExit(f"{self._name}: no progress in {_PATIENCE:.0f} s:\n{tail(self._log)}")
            time.sleep(_POLL)
        elapsed = time.perf_counter() - begin
        self._signal(signal.SIGSTOP)
        # A program may write the line of step 0 together with the next one.
        steps = self._steps * (len(lines) - self._lines)
        self._lines, self.last_step = len(lines), int(float(lines[-1].split()[0]))
        self.peak_memory = self._memory()
        return elapsed / steps

    def _read(self) -> list[str]:
        """Return the complete lines of the learning curve so far."""
        if not self._curve.exists():
            return []
        text = self._curve.read_text()
        complete = text[: text.rfind("\n") + 1]
        return [line for line in complete.splitlines() if not line.startswith("#")]

    def _signal(self, number: int) -> None:
        os.killpg(self._process.pid, number)

    def _memory(self) -> int:
        """Return the maximum resident memory so far (KiB)."""
        status = Path(f"/proc/{self._process.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))
