"""Runs in the environment of a measured program and evaluates a graph on request.

Arguments: the module that has `DeepPot`, the graph. Each line of standard input is a JSON object: ``frames``, a .npz
file with coord, cells and types; ``repeat``, how many evaluations to time; ``output``, a .npz file for the results, or
null.
Each line of standard output is ``{"seconds": [...], "peak_kib": largest resident set so far}``. Imports nothing of this
project but the module named.
"""

import importlib
import json
import os
import resource
import sys
import time


def main(module: str, graph: str) -> None:
    """Answer requests until the input ends."""
    # Libraries print: what they print goes to standard error, the answers have the old standard output to themselves.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    import numpy as np

    potential = importlib.import_module(module).DeepPot(graph)
    for line in sys.stdin:
        request = json.loads(line)
        with np.load(request["frames"]) as frames:
            arguments = (frames["coord"], frames["cells"], frames["types"])
        seconds = []
        for _ in range(request["repeat"]):
            begin = time.perf_counter()
            results = potential.eval(*arguments)
            seconds.append(time.perf_counter() - begin)
        if request["output"]:
            np.savez(request["output"], **dict(zip(("energy", "force", "virial"), results, strict=True)))
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        print(json.dumps({"seconds": seconds, "peak_kib": peak}), file=answers)


if __name__ == "__main__":
    main(*sys.argv[1:])
