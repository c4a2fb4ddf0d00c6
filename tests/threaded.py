"""Ranks that are threads of one process: every call waits for all, as with MPI."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from deepmd_tf.train.ranks import Ranks


class ThreadRanks(Ranks):
    """One of several threads."""

    def __init__(self, rank: int, size: int, barrier: threading.Barrier, board: list):
        self.rank = self.local_rank = rank
        self.size, self._barrier, self._board = size, barrier, board

    def gather(self, value):
        self._board[self.rank] = value
        self._barrier.wait(60)
        values = list(self._board)
        self._barrier.wait(60)
        return values

    def sum(self, values):
        return np.sum(self.gather(values), axis=0)

    def largest(self, values):
        return np.max(self.gather(values), axis=0)

    def broadcast(self, value):
        return self.gather(value)[0]


def on_ranks(size: int, work: Callable[[Ranks], object]) -> list:
    """Do some work on that many ranks at once; return what each gave."""
    barrier, board = threading.Barrier(size), [None] * size

    def one(rank: int):
        try:
            return work(ThreadRanks(rank, size, barrier, board))
        except BaseException:
            barrier.abort()
            raise

    with ThreadPoolExecutor(size) as pool:
        futures = [pool.submit(one, rank) for rank in range(size)]
    errors = [each.exception() for each in futures if each.exception() is not None]
    for error in sorted(errors, key=lambda error: isinstance(error, threading.BrokenBarrierError)):
        raise error  # the first of the work's own, not that of a rank which waited for the one that failed
    return [each.result() for each in futures]
