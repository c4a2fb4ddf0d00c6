"""Signals: before the first step they end a run, afterwards they let it save a checkpoint and end."""

from __future__ import annotations

import logging
import os
import signal
import threading
import time

from deepmd_tf.errors import Stopped
from deepmd_tf.train.ranks import Ranks

log = logging.getLogger("deepmd_tf")

_PATIENCE = 5.0
"""Seconds to wait for the main thread, which may wait for other ranks; longer than the grace period for rank 0."""


class Interruption:
    """A context that handles the signals by which schedulers and people end a run.

    Before the first step, SIGTERM and SIGUSR1 raise `Stopped` in the main thread, and SIGINT is Python's. After `begin`
    all three request a stop after the current step, and a second SIGINT stops at once.

    Attributes
    ----------
    requested : int
        The signal that was received; 0 before.
    """

    def __init__(self):
        self.requested = 0
        self._stepping = False
        self._previous: dict[int, object] = {}
        self._wakeup: tuple[int, int] | None = None

    def __enter__(self) -> Interruption:
        """Install handlers of SIGTERM and SIGUSR1."""
        for number in (signal.SIGTERM, signal.SIGUSR1):
            self._install_handler(number)
        return self

    def __exit__(self, *exception) -> None:
        """Restore the previous handlers."""
        for number, handler in self._previous.items():
            signal.signal(number, handler)
        if self._wakeup is not None:
            writer, previous = self._wakeup
            signal.set_wakeup_fd(previous)
            os.close(writer)  # this ends the thread that reads

    def watch(self, ranks: Ranks) -> None:
        """End a run of several ranks also while this rank waits in an MPI call, where Python runs no handlers."""
        if ranks.size == 1 or not self._previous:
            return
        reader, writer = os.pipe()
        os.set_blocking(writer, False)
        self._wakeup = writer, signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        threading.Thread(
            target=self._watch_signals, args=(reader, ranks), daemon=True, name="watch over signals"
        ).start()

    def begin(self, ranks: Ranks) -> None:
        """Begin the steps on all ranks; nothing was written before.

        Raises
        ------
        Stopped
            When any rank has received a signal.
        """
        self._stepping = True
        number = max(ranks.gather(self.requested))
        if number:
            raise Stopped(number)
        self._install_handler(signal.SIGINT)

    def _install_handler(self, number: int) -> None:
        """Replace the handler of a signal."""
        self._previous[number] = signal.signal(number, self._request)

    def _request(self, number, frame) -> None:
        """Handle a signal: request a stop, or raise `Stopped` before the first step."""
        first, self.requested = not self.requested, self.requested or int(number)
        if signal.SIGINT in self._previous:
            signal.signal(signal.SIGINT, self._previous[signal.SIGINT])
            log.warning("%s: saving a checkpoint after this step", signal.Signals(number).name)
        elif first and not self._stepping:
            raise Stopped(number)

    def _watch_signals(self, reader: int, ranks: Ranks) -> None:
        """Read signals from a pipe, and end the run if the main thread does not react before the first step."""
        with os.fdopen(reader, "rb", buffering=0) as file:
            while numbers := file.read(1):
                if numbers[0] in (signal.SIGTERM, signal.SIGUSR1) and not self._stepping:
                    time.sleep(_PATIENCE)
                    if not self._stepping:
                        ranks.stop(str(Stopped(numbers[0])))
