"""Processes of a run: one, or several MPI processes (``mpirun -n N dp train input.json``).

`Ranks` is a run of one process, `MpiRanks` a run of several; both have the same methods. Methods other than
`stop` are collective: all ranks must call them, in the same order. Attributes are not.
"""

from __future__ import annotations

import os
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from deepmd_tf.errors import InputError, Stopped, user_message

if TYPE_CHECKING:
    from mpi4py import MPI

Value = TypeVar("Value")

PATIENCE_VARIABLE = "DEEPMD_RANKS_PATIENCE"
"""Environment variable: seconds that a rank waits for the others before it ends the run."""

_PATIENCE = 1800.0
_GRACE = 2.0
"""Seconds that a failed rank waits for rank 0, so that a message of all ranks appears once."""

_MOMENT = 0.5
"""Seconds for the launcher to print the last message before all ranks end."""

_THREAD_VARIABLES = ("TF_NUM_INTRAOP_THREADS", "DP_INTRA_OP_PARALLELISM_THREADS", "OMP_NUM_THREADS")


class Ranks:
    """A run of one process.

    Attributes
    ----------
    rank : int
        Index of this process, from 0.
    size : int
        Number of processes.
    local_rank, local_size : int
        Index of this process on its node, and number of processes on the node.
    """

    rank = 0
    size = 1
    local_rank = 0
    local_size = 1

    @property
    def leads(self) -> bool:
        """Whether this is the process that writes files and messages."""
        return self.rank == 0

    def __enter__(self) -> Ranks:
        """Return the ranks."""
        return self

    def __exit__(self, *exception) -> None:
        """End the run; if one of several ranks fails, all of them end."""

    def stop(self, message: str) -> None:
        """Print a message and end all ranks with status 0, from any thread; for several ranks only."""
        raise NotImplementedError

    def sum(self, values: np.ndarray) -> np.ndarray:
        """Return the sum over ranks of float64 arrays of one shape, the same bits on all."""
        return values

    def largest(self, values: np.ndarray) -> np.ndarray:
        """Return the largest over ranks, element by element, of float64 arrays of one shape."""
        return values

    def any(self, flag: bool) -> bool:
        """Whether a flag is set on some rank."""
        return bool(self.largest(np.array([flag], float))[0])

    def gather(self, value: Value) -> list[Value]:
        """Return the values of all ranks, by rank."""
        return [value]

    def broadcast(self, value: Value) -> Value:
        """Return the value of rank 0."""
        return value

    def begin(self) -> None:
        """Set the clocks of `summary` to zero, on all ranks at once."""

    def summary(self) -> list[tuple[str, str]]:
        """Return rows of name and text about the collaboration of ranks since `begin`."""
        return []


ALONE = Ranks()
"""A run of one process."""


class MpiRanks(Ranks):
    """A run of several processes.

    Parameters
    ----------
    communicator : mpi4py.MPI.Comm
        Communicator of all processes.
    threads : int
        Number of threads of this process, for the summary.
    """

    def __init__(self, communicator: MPI.Comm, threads: int):
        from mpi4py import MPI

        self._mpi, self._comm = MPI, communicator
        self.rank, self.size = communicator.Get_rank(), communicator.Get_size()
        node = communicator.Split_type(MPI.COMM_TYPE_SHARED)
        self.local_rank, self.local_size = node.Get_rank(), node.Get_size()
        node.Free()
        self._threads = threads
        self._begun, self._apart = time.monotonic(), 0.0
        self._watch = _Watch(float(os.environ.get(PATIENCE_VARIABLE, _PATIENCE)), self._lost)

    def __exit__(self, kind, error, trace) -> None:
        """End; after an exception print it and end all ranks, which would wait for this one."""
        if error is None:
            return
        if not self.leads:
            time.sleep(_GRACE)
        if isinstance(error, Stopped):
            message, status = str(error), 0
        elif (message := user_message(error)) is not None:
            message, status = f"error: {message}", 2
        elif isinstance(error, KeyboardInterrupt):
            message, status = "error: interrupted", 130
        else:
            message, status = "error: " + "".join(traceback.format_exception(kind, error, trace)), 1
        self._end(message, status)

    def stop(self, message: str) -> None:
        """Print a message and end all ranks with status 0, from any thread."""
        self._end(message, 0)

    def sum(self, values: np.ndarray) -> np.ndarray:
        """Return the sum over ranks of float64 arrays of one shape, the same bits on all."""
        return self._reduced(values, self._mpi.SUM)

    def largest(self, values: np.ndarray) -> np.ndarray:
        """Return the largest over ranks, element by element, of float64 arrays of one shape."""
        return self._reduced(values, self._mpi.MAX)

    def gather(self, value: Value) -> list[Value]:
        """Return the values of all ranks, by rank."""
        with self._watch:
            return self._comm.allgather(value)

    def broadcast(self, value: Value) -> Value:
        """Return the value of rank 0."""
        with self._watch:
            return self._comm.bcast(value)

    def begin(self) -> None:
        """Set the clocks of `summary` to zero, on all ranks at once."""
        with self._watch:
            self._comm.Barrier()
        self._begun, self._apart = time.monotonic(), 0.0

    def summary(self) -> list[tuple[str, str]]:
        """Return rows of name and text about the collaboration of ranks since `begin`.

        The slowest rank does not wait in collective calls, so the smallest time that a rank spends in them is the time
        of communication. The rest is waiting.
        """
        elapsed = max(time.monotonic() - self._begun, 1e-9)
        apart = np.array(self.gather(self._apart)) / elapsed
        nodes = len(set(self.gather(socket.gethostname())))
        least, mean = apart.min(), apart.mean()
        return [
            ("ranks", f"{self.size} on {_counted(nodes, 'node')}, {_counted(self._threads, 'thread')} each"),
            ("communication", f"{least:.1%} of the time, and {mean - least:.1%} waiting for the slowest rank"),
            ("scaling efficiency", f"{1 - mean:.1%} (share of the time in which ranks compute)"),
        ]

    def _reduced(self, values: np.ndarray, operation) -> np.ndarray:
        values = np.ascontiguousarray(values, dtype=np.float64)
        result = np.empty_like(values)
        begin = time.monotonic()
        with self._watch:
            self._comm.Allreduce(values, result, operation)
        self._apart += time.monotonic() - begin
        return result

    def _lost(self, seconds: float) -> None:
        self._end(
            f"error: no answer from the other ranks for {seconds:.0f} s; the run ends. Restart it from its last "
            f"checkpoint ({PATIENCE_VARIABLE} sets this time)",
            1,
        )

    def _end(self, message: str, status: int) -> None:
        """Print a message and end all ranks."""
        print(f"dp: rank {self.rank} of {self.size} on {socket.gethostname()}: {message}", file=sys.stderr, flush=True)
        time.sleep(_MOMENT)  # the launcher drops output that it has not read when a rank aborts
        self._comm.Abort(status)
        os._exit(status)  # in some MPI libraries Abort returns


class _Watch:
    """Watches from a thread that calls return; a context around every such call.

    Parameters
    ----------
    patience : float
        Maximum time of a call in seconds.
    lost : callable
        Function that is called with `patience` if a call takes longer.
    """

    def __init__(self, patience: float, lost: Callable[[float], None]):
        self._patience, self._lost = patience, lost
        self._since: float | None = None
        threading.Thread(target=self._watch_calls, daemon=True, name="watch over ranks").start()

    def __enter__(self) -> None:
        """Start the clock of a call."""
        self._since = time.monotonic()

    def __exit__(self, *exception) -> None:
        """Stop the clock."""
        self._since = None

    def _watch_calls(self) -> None:
        """Check the clock until a call takes too long."""
        while True:
            time.sleep(min(1.0, self._patience / 4))
            since = self._since
            if since is not None and time.monotonic() - since > self._patience:
                self._lost(self._patience)
                return


_SIZES = {
    "PMI_SIZE": "",
    "OMPI_COMM_WORLD_SIZE": "",
    "MV2_COMM_WORLD_SIZE": "",
    "JSM_NAMESPACE_SIZE": "",
    "FLUX_JOB_SIZE": "FLUX_TASK_RANK",
    "SLURM_STEP_NUM_TASKS": "SLURM_PROCID",
}
"""Variables with the number of processes that a launcher started, and a second variable that must also be set.

The order matters because launchers start each other. It is: ``mpirun`` of MPICH, Intel MPI, MVAPICH 3 or later and Cray
PALS; ``mpirun`` of Open MPI and Spectrum MPI; ``mpirun_rsh`` of MVAPICH2; ``jsrun``; ``flux run``; ``srun``. A shell of
``salloc`` and the script of ``sbatch`` set ``SLURM_NTASKS``, but are not job steps: ``dp train`` is one process there.
"""

_PLACES = ("PMIX_RANK", "PALS_RANKID")
"""Variables with the index of the process, whose launchers do not always set the number of processes."""


def launched(environment: Mapping[str, str]) -> int | None:
    """Return the number of processes that a launcher started; 1 without launcher, None if it is not known."""
    for size, rank in _SIZES.items():
        if environment.get(size, "").isdecimal() and (not rank or rank in environment):
            return max(1, int(environment[size]))
    return None if any(environment.get(name, "").isdecimal() for name in _PLACES) else 1


def start_ranks(environment: Mapping[str, str] = os.environ) -> Ranks:
    """Connect the processes that a launcher started. Call this before TensorFlow creates its threads.

    Raises
    ------
    InputError
        If mpi4py is missing, or uses another MPI library than the launcher.
    """
    count = launched(environment)
    if count == 1:
        return Ranks()
    first = all(environment.get(name, "0") == "0" for name in _PLACES)
    started = f"{count} processes" if count else "more than one process"
    try:
        from mpi4py import MPI
    except (ImportError, RuntimeError) as error:
        if count is None and first:
            return Ranks()  # perhaps the only process; the others raise the error
        raise InputError(
            f"the launcher started {started}, and connecting them needs mpi4py and an MPI library ({error}): "
            "pip install 'deepmd_tf[mpi]', and mpich if the machine has no MPI library"
        ) from error
    communicator = MPI.COMM_WORLD
    size = communicator.Get_size()
    if count is None and size == 1 and first:
        return Ranks()
    if size != count and (count is not None or size == 1):
        library = MPI.Get_library_version().splitlines()[0].strip("\0 ")
        raise InputError(
            f"the launcher started {started}, but the MPI library of mpi4py sees {size} "
            f"({library}): use the mpirun of this library, or srun --mpi=pmi2"
        )
    return MpiRanks(communicator, _use_threads(communicator))


def _use_threads(communicator: MPI.Comm) -> int:
    """Limit the threads of this process to its share of the processors of its node, unless a variable sets them."""
    from mpi4py import MPI

    node = communicator.Split_type(MPI.COMM_TYPE_SHARED)
    processors = node.allgather(sorted(os.sched_getaffinity(0)))
    threads = threads_of_rank(processors, node.Get_rank(), os.environ)
    node.Free()
    os.environ["TF_NUM_INTRAOP_THREADS"] = str(threads)
    os.environ.setdefault("TF_NUM_INTEROP_THREADS", str(threads))
    return threads


def threads_of_rank(processors: list[list[int]], rank: int, environment: Mapping[str, str]) -> int:
    """Return the number of threads of a rank.

    Parameters
    ----------
    processors : list of list of int
        Processors that each rank of the node may use. They differ if the launcher binds ranks to processors.
    rank : int
        Index of the rank on the node.
    environment : mapping
        Environment variables; those of TensorFlow, DeePMD-kit or OpenMP for the number of threads take precedence.
    """
    for name in _THREAD_VARIABLES:
        if environment.get(name, "").isdecimal() and int(environment[name]) > 0:
            return int(environment[name])
    return max(1, len(processors[rank]) // processors.count(processors[rank]))


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' * (number != 1)}"
