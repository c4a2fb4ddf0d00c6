"""A random model with the shapes of the field's water model; the time does not depend on the values."""

from __future__ import annotations

import itertools

import numpy as np

from benchmarks.kernels.systems import RCUT, RCUT_SMTH, SEL

# The values in the frozen graph of examples/water.
WIDTH, AXIS, TERMS, NPANELS = 100, 16, 16, 224
UNIT, PER_OCTAVE = 4.0, 32
NEURONS = (240, 240, 240)
AVG, STD_RADIAL, STD_ANGULAR = (0.054, 0.052), (0.142, 0.126), (0.088, 0.079)


def water_model(descriptor: str, fitting: str) -> dict:
    """Return the inputs of EvaluateModel that are parameters of the model, for ``kernels.evaluate_batch``.

    Parameters
    ----------
    descriptor, fitting : str
        Their dtypes.
    """
    rng = np.random.default_rng(1)
    avg = np.array(AVG)
    # Coefficients decrease like those of a smooth function.
    table = rng.normal(size=(2, NPANELS, TERMS, WIDTH)) * 0.3 ** np.arange(TERMS)[:, None]
    widths = (WIDTH * AXIS, *NEURONS)
    matrices = [(rng.normal(size=pair) / np.sqrt(pair[0])).astype(fitting) for pair in itertools.pairwise(widths)]
    return {
        "rcut_smth": RCUT_SMTH,
        "rcut": RCUT,
        "avg": avg,
        "std_radial": np.array(STD_RADIAL),
        "std_angular": np.array(STD_ANGULAR),
        "sel": np.array(SEL, np.int32),
        "one_side": True,
        "exclude_types": [],
        "lowest": float(np.min(-avg / STD_RADIAL)),
        "unit": UNIT,
        "per_octave": np.int32(PER_OCTAVE),
        "table": table.astype(descriptor),
        "empty": (rng.normal(size=(2, 2, WIDTH)) / 10).astype(descriptor),
        "axis_neuron": AXIS,
        "activation": "tanh",
        "first_matrix": matrices[:1],
        "extra_matrix": [np.zeros((0, NEURONS[0]), fitting)],
        "first_bias": rng.normal(size=(2, NEURONS[0])).astype(fitting),
        "matrices": matrices[1:],
        "biases": [rng.normal(size=n).astype(fitting) for n in NEURONS[1:]],
        "idts": [np.zeros(0, fitting), *(np.full(n, 0.1, fitting) for n in NEURONS[1:])],
        "final_matrix": [rng.normal(size=(NEURONS[-1], 1)).astype(fitting)],
        "atom_bias": np.array([-31.4, -62.9]),
    }
