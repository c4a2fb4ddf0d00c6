"""Reference rates of the processor: FMA peak and matrix products, measured in turn with the programs."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

from benchmarks.programs import environment, pin

_HERE = Path(__file__).parent
_SECONDS = 0.2


class PeakProgram:
    """``native/peak.cc``, compiled for this processor by ``$CXX`` or ``c++``.

    Parameters
    ----------
    directory : Path
        Directory for the executable.
    """

    def __init__(self, directory: Path):
        directory.mkdir(parents=True, exist_ok=True)
        self._program = directory / "peak"
        compiler = shlex.split(os.environ.get("CXX", "c++"))
        flags = ["-std=c++17", "-O3", "-march=native", "-fno-math-errno", "-ffp-contract=fast", "-pthread"]
        source = str(_HERE / "native" / "peak.cc")
        done = subprocess.run(
            [*compiler, *flags, source, "-o", str(self._program)], capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise SystemExit(f"benchmarks/native/peak.cc does not compile with {compiler[0]}:\n{done.stderr}")

    def gflops(self, threads: int, precision: str) -> float:
        """Return the GFLOP/s of fused multiply-adds in registers; each counts as two operations."""
        done = subprocess.run(
            [str(self._program), str(threads), precision, str(_SECONDS)],
            capture_output=True,
            text=True,
            check=True,
            preexec_fn=pin(threads),
        )
        return float(done.stdout)


class MatrixProducts:
    """A process that multiplies matrices with TensorFlow, pinned like the programs."""

    def __init__(self, threads: int):
        self._process = subprocess.Popen(
            [sys.executable, str(_HERE / "workers" / "gemm.py"), str(threads)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment(threads),
            preexec_fn=pin(threads),
            text=True,
        )

    def __enter__(self) -> MatrixProducts:
        """Return the process."""
        return self

    def __exit__(self, *exception) -> None:
        """End the process."""
        self._process.kill()
        self._process.communicate()

    def gflops(self, shape: tuple[int, int, int], precision: str) -> float:
        """Return the GFLOP/s of ``[m, k] x [k, n]``; a multiplication and its addition count as two operations."""
        request = {"shape": shape, "dtype": precision, "seconds": _SECONDS}
        try:
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
            return json.loads(self._process.stdout.readline())["gflops"]
        except (BrokenPipeError, json.JSONDecodeError):
            raise SystemExit("benchmarks/workers/gemm.py ended: does TensorFlow work in this environment?") from None
