"""Evaluate graphs on request, in DeePMD-kit's environment.

Each line of standard input is a JSON object with the files ``graph``, ``input`` (.npz: coord, types, has_typeebd and,
optionally, cells, fparam, aparam) and ``output`` (.npz: the entries of `FIELDS`, typeebd only if the model has a type
embedding). Each line of standard output is ``{"error": null}``, or contains the message of an error. This program does
not import this project.
"""

import json
import os
import sys

FIELDS = ("energy", "force", "virial", "atom_energy", "atom_virial", "descriptor", "typeebd")


def main():
    """Answer requests until the input ends."""
    # Redirect the output of libraries to standard error; only answers go to the original standard output.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    import numpy as np
    from deepmd.infer import DeepPot

    potentials = {}
    for line in sys.stdin:
        request = json.loads(line)
        try:
            graph = request["graph"]
            if graph not in potentials:
                potentials = {graph: DeepPot(graph)}
            with np.load(request["input"]) as given:
                frames = dict(given)
            np.savez(request["output"], **evaluate(potentials[graph], frames))
            error = None
        except Exception as problem:
            error = f"{type(problem).__name__}: {problem}"
        print(json.dumps({"error": error}), file=answers)


def evaluate(potential, frames):
    """Return all outputs of a potential by the names in `FIELDS`."""
    arguments = (frames["coord"], frames.get("cells"), frames["types"])
    extras = {name: frames[name] for name in ("fparam", "aparam") if name in frames}
    results = potential.eval(*arguments, atomic=True, **extras)
    descriptor = potential.eval_descriptor(*arguments, **extras)
    named = dict(zip(FIELDS, (*results, descriptor), strict=False))
    if frames["has_typeebd"]:
        named["typeebd"] = potential.eval_typeebd()
    return named


if __name__ == "__main__":
    main()
