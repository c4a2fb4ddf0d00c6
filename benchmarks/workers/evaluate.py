"""Evaluate a graph on request, in the environment of a measured program.

Arguments: the module with `DeepPot`, the graph. Each line of standard input is a JSON object: ``frames``, a .npz file
with coord, cells and types; ``repeat``, the number of evaluations to time; ``output``, a .npz file for the results, or
null. Each line of standard output is ``{"seconds": [...], "peak_kib": maximum resident set so far}``. The script
imports no module of this project except the given one.
"""

import importlib
import json
import os
import resource
import sys
import time


def main(module: str, graph: str) -> None:
    """Answer requests until the input ends."""
    # Libraries print to standard output; this is redirected to standard error, and answers use the original one.
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
