"""Small models for tests: a table of variants, strong random parameters, frozen graphs.

A new variant of the model is listed in `VARIANTS`. Its gradients, its agreement with the definition in NumPy and the
agreement of its two graphs are then tested. A variant that sums over neighbors in another way is also one of `KINDS`,
which must pass all physics checks.
"""

from __future__ import annotations

import atexit
import copy
import functools
import os
import shutil
import tempfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from deepmd_tf.config import Config, parse_config
from deepmd_tf.descriptor.tabulation import Resolution, Tabulation
from deepmd_tf.export.native import native_graph
from deepmd_tf.export.portable import portable_graph
from deepmd_tf.files import atomic_write
from deepmd_tf.infer import DeepPot
from deepmd_tf.model.energy_model import EnergyModel
from deepmd_tf.nn.activation import ACTIVATIONS
from deepmd_tf.nn.parameters import TrainableParameters
from deepmd_tf.statistics import EnvironmentStatistics, FittingStatistics, ModelStatistics

BASE: dict[str, Any] = {
    "type_map": ["O", "H"],
    "type_embedding": {"neuron": [4, 2], "seed": 1},
    "descriptor": {
        "type": "se_e2_a",
        "sel": [12, 16],
        "rcut": 3.5,
        "rcut_smth": 1.0,
        "neuron": [4, 8],
        "axis_neuron": 3,
        "type_one_side": True,
        "seed": 1,
    },
    "fitting_net": {"neuron": [6, 6], "resnet_dt": False, "seed": 1},
}

GRAPHS = "DEEPMD_TEST_GRAPHS"
"""Environment variable with the directory of the graphs of a test run, set in conftest.py."""

ABSENT = object()
"""Instead of a value: the key of `BASE` is left out."""

PLAIN: dict[str, Any] = {"type_embedding": None}
PAIRS = {"type": "se_e3", "axis_neuron": ABSENT, "type_one_side": ABSENT}
TYPED_PAIRS = {**PAIRS, "type": "se_e3_tebd", "neuron": [8, 16]}
RADIAL = {"type": "se_e2_r", "axis_neuron": ABSENT, "sel": [8, 12]}
TYPED_RADIAL = {**RADIAL, "type": "se_e2_r_tebd"}
HYBRID = {key: ABSENT for key in BASE["descriptor"]} | {"type": "hybrid"}


def hybrid(*members: Mapping[str, Any]) -> dict[str, Any]:
    """The section of a hybrid descriptor of the changed descriptor of `BASE`."""
    return HYBRID | {"list": [_changed(BASE["descriptor"], member) for member in members]}


def _changed(section: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    return {name: entry for name, entry in {**section, **changes}.items() if entry is not ABSENT}


NEAR = {"rcut": 2.5, "rcut_smth": 0.75, "sel": [10, 12], "neuron": [3, 6], "axis_neuron": 2}
TWO_SIDES = {"descriptor": {"type_one_side": False}}
ACTIVATION_VARIANTS = {
    name: {section: {"activation_function": name} for section in ("type_embedding", "descriptor", "fitting_net")}
    for name in ACTIVATIONS
}
VARIANTS: dict[str, dict[str, Any]] = {
    "one_side": {},
    "two_sides": TWO_SIDES,
    "exclude_unlike": {"descriptor": {"exclude_types": [[0, 1]]}},
    "exclude_like": {"descriptor": {"exclude_types": [[1, 1]], "type_one_side": False}},
    "set_davg_zero": {"descriptor": {"set_davg_zero": True}},
    "resnet_dt": {
        "type_embedding": {"resnet_dt": True},
        "descriptor": {"resnet_dt": True, "neuron": [4, 8, 8]},
        "fitting_net": {"resnet_dt": True, "neuron": [6, 6, 4, 4]},
    },
    "float32": {section: {"precision": "float32"} for section in ("type_embedding", "descriptor", "fitting_net")},
    "float32_fitting": {"fitting_net": {"precision": "float32"}},
    "float32_descriptor": {"descriptor": {"precision": "float32"}},
    "tebd_bias": {"type_embedding": {"use_tebd_bias": True}},
    "econf": {"type_embedding": {"use_econf_tebd": True}},
    "fparam": {"fitting_net": {"numb_fparam": 2}},
    "aparam": {"fitting_net": {"numb_aparam": 1}},
    "fparam_aparam": {"fitting_net": {"numb_fparam": 1, "numb_aparam": 2}, **TWO_SIDES},
    "atom_ener": {"descriptor": {"set_davg_zero": True}, "fitting_net": {"atom_ener": [-1.5, 0.75]}},
    "atom_ener_of_one": {"descriptor": {"set_davg_zero": True}, "fitting_net": {"atom_ener": [-1.5, None]}},
    "residual": {"descriptor": {"neuron": [3, 6]}},
    "residual_doubled": {"descriptor": {"neuron": [6, 6]}},
    "residual_two_sides": {"descriptor": {"neuron": [5, 5], "type_one_side": False}},
    "residual_two_sides_doubled": {
        "type_embedding": {"neuron": [2, 1]},
        "descriptor": {"neuron": [6, 4], "type_one_side": False, "resnet_dt": True},
    },
    "one_layer": {"descriptor": {"neuron": [5]}, "fitting_net": {"neuron": [7]}},
    "one_type": {"type_map": ["O"], "descriptor": {"sel": [28]}},
    "three_types": {"type_map": ["O", "C", "H"], "descriptor": {"sel": [12, 8, 16], "type_one_side": False}},
    "plain_one_side": PLAIN,
    "plain_two_sides": {**PLAIN, **TWO_SIDES},
    "plain_three_types": {
        **PLAIN,
        "type_map": ["O", "C", "H"],
        "descriptor": {"sel": [12, 8, 16], "type_one_side": False, "resnet_dt": True, "exclude_types": [[0, 2]]},
        "fitting_net": {"resnet_dt": True, "numb_fparam": 1, "numb_aparam": 1},
    },
    "plain_float32": {**PLAIN, **{section: {"precision": "float32"} for section in ("descriptor", "fitting_net")}},
    "plain_atom_ener": {
        **PLAIN,
        "descriptor": {"set_davg_zero": True},
        "fitting_net": {"atom_ener": [-1.5, None]},
    },
    "plain_relu": {**PLAIN, "descriptor": {"activation_function": "relu", "type_one_side": False}},
    "plain_one_type": {**PLAIN, "type_map": ["O"], "descriptor": {"sel": [28]}},
    "strip_one_side": {"descriptor": {"type": "se_a_ebd_v2"}},
    "strip_two_sides": {"descriptor": {"type": "se_a_ebd_v2", "type_one_side": False, "resnet_dt": True}},
    "strip_exclude": {"descriptor": {"type": "se_a_ebd_v2", "type_one_side": False, "exclude_types": [[0, 1]]}},
    "strip_davg_zero": {"descriptor": {"type": "se_a_ebd_v2", "set_davg_zero": True}},
    "pairs_plain": {**PLAIN, "descriptor": PAIRS},
    "pairs_plain_three_types": {
        **PLAIN,
        "type_map": ["O", "C", "H"],
        "descriptor": {**PAIRS, "sel": [12, 8, 16], "neuron": [2, 4, 8], "resnet_dt": True, "exclude_types": [[0, 2]]},
        "fitting_net": {"numb_fparam": 1, "numb_aparam": 1},
    },
    "pairs_plain_relu": {**PLAIN, "descriptor": {**PAIRS, "activation_function": "relu"}},
    "pairs_float32": {
        **{section: {"precision": "float32"} for section in ("type_embedding", "fitting_net")},
        "descriptor": {**PAIRS, "precision": "float32"},
    },
    "pairs_atom_ener": {"descriptor": PAIRS, "fitting_net": {"atom_ener": [-1.5, None]}},
    "pairs_sel_with_zero": {**PLAIN, "type_map": ["O", "C", "H"], "descriptor": {**PAIRS, "sel": [12, 0, 16]}},
    "pairs_typed": {"descriptor": TYPED_PAIRS},
    "pairs_typed_three_types": {
        "type_map": ["O", "C", "H"],
        "descriptor": {
            **TYPED_PAIRS,
            "sel": [12, 8, 16],
            "neuron": [5, 10],
            "resnet_dt": True,
            "exclude_types": [[0, 2]],
        },
    },
    "pairs_typed_relu6": {"descriptor": {**TYPED_PAIRS, "activation_function": "relu6"}},
    "radial_one_side": {"descriptor": RADIAL},
    "radial_two_sides": {"descriptor": {**RADIAL, "type_one_side": False, "resnet_dt": True}},
    "radial_plain_davg_zero": {
        **PLAIN,
        "descriptor": {**RADIAL, "set_davg_zero": True, "type_one_side": False},
        "fitting_net": {"numb_fparam": 1, "numb_aparam": 1},
    },
    "radial_float32": {
        **{section: {"precision": "float32"} for section in ("type_embedding", "fitting_net")},
        "descriptor": {**RADIAL, "precision": "float32"},
    },
    "radial_plain": {**PLAIN, "descriptor": RADIAL},
    "radial_plain_three_types": {
        **PLAIN,
        "type_map": ["O", "C", "H"],
        "descriptor": {**RADIAL, "sel": [12, 8, 16], "type_one_side": False, "exclude_types": [[0, 2]]},
    },
    "radial_plain_relu": {**PLAIN, "descriptor": {**RADIAL, "activation_function": "relu", "type_one_side": False}},
    "radial_typed_three_types": {
        "type_map": ["O", "C", "H"],
        "descriptor": {**TYPED_RADIAL, "sel": [12, 8, 16], "type_one_side": False, "exclude_types": [[0, 2]]},
    },
    "hybrid": {"descriptor": hybrid({"type_one_side": False}, NEAR)},
    "hybrid_of_all": {
        "descriptor": hybrid({}, TYPED_RADIAL, TYPED_PAIRS, {"type": "se_a_ebd_v2", "set_davg_zero": True})
    },
    "hybrid_atom_ener": {
        "descriptor": hybrid({**NEAR, "set_davg_zero": True}, PAIRS),
        "fitting_net": {"atom_ener": [-1.5, None], "numb_fparam": 1},
    },
    "hybrid_float32": {
        **{section: {"precision": "float32"} for section in ("type_embedding", "fitting_net")},
        "descriptor": hybrid({"precision": "float32"}, {**RADIAL, "precision": "float64"}),
    },
    "hybrid_plain": {
        **PLAIN,
        "descriptor": hybrid({"type_one_side": False}, RADIAL, {**PAIRS, "exclude_types": [[0, 1]]}),
    },
    "hybrid_plain_relu": {**PLAIN, "descriptor": hybrid({"activation_function": "relu"}, NEAR)},
    "sel_with_zero": {"type_map": ["O", "C", "H"], "descriptor": {"sel": [12, 0, 16]}},
    **{name: changes for name, changes in ACTIVATION_VARIANTS.items() if name != "tanh"},
}

KINKED = {name for name in VARIANTS if name.endswith(("relu", "relu6"))}
"""Variants whose embedding has kinks, so that no table can follow it."""

KINDS = (
    "one_side",
    "two_sides",
    "three_types",
    "fparam_aparam",
    "atom_ener",
    "float32",
    "relu",
    "plain_one_side",
    "plain_three_types",
    "strip_two_sides",
    "strip_davg_zero",
    "pairs_plain",
    "pairs_typed_three_types",
    "radial_plain",
    "radial_two_sides",
    "radial_typed_three_types",
    "hybrid_plain",
    "hybrid_of_all",
)
"""Variants that differ in how they sum over neighbors, combine species, or evaluate; they run all physics checks."""

SETTINGS = tuple(name for name in VARIANTS if name not in KINDS)
"""Variants that differ from a kind in its nets and constants only."""

IN_ONE_OP = [name for name in VARIANTS if name not in KINKED and not name.startswith(("radial", "pairs", "hybrid"))]
"""Variants that `ops.evaluate_model` computes: it knows the descriptor, and a table can follow the embedding."""


def model_input(changes: Mapping[str, Any] = {}) -> dict[str, Any]:
    """The input file of a variant: the section ``model`` of `BASE` changed, without the keys that are `ABSENT`."""
    model = copy.deepcopy(BASE)
    for key, value in changes.items():
        if isinstance(value, Mapping):
            value = _changed(model[key], value)
        model[key] = value
    return {
        "model": model,
        "learning_rate": {"type": "exp", "decay_steps": 10, "start_lr": 1e-3, "stop_lr": 1e-5},
        "loss": {"type": "ener"},
        "training": {"training_data": {"systems": ["data"]}, "numb_steps": 100, "seed": 1},
    }


def model_config(changes: Mapping[str, Any] = {}) -> Config:
    """The configuration of a variant."""
    return parse_config(model_input(changes))


def random_statistics(config: Config, rng: np.random.Generator) -> ModelStatistics:
    """Statistics as data could give them; energies per type are those of ``atom_ener`` where it gives them."""
    model = config.model
    ntypes, fitting = len(model.type_map), model.fitting_net

    def environment(member) -> EnvironmentStatistics:
        avg = np.zeros(ntypes) if member.set_davg_zero else rng.uniform(0.05, 0.15, ntypes)
        return EnvironmentStatistics(avg, rng.uniform(0.1, 0.3, ntypes), rng.uniform(0.1, 0.2, ntypes))

    environments = tuple(map(environment, model.descriptor.members))
    bias = rng.normal(size=ntypes)
    for k, energy in enumerate(fitting.atom_ener):
        bias[k] = bias[k] if energy is None else energy
    scales = {
        name: (rng.normal(size=width), rng.uniform(0.5, 2.0, width)) if width else None
        for name, width in (("fparam", fitting.numb_fparam), ("aparam", fitting.numb_aparam))
    }
    return ModelStatistics(
        environments,
        FittingStatistics(bias, **scales),
    )


def random_parameters(config: Config, seed: int = 0) -> TrainableParameters:
    """Variables of a model, strong enough that every layer bends and forces are not small."""
    return random_model(config, seed)[1]


def random_model(config: Config, seed: int = 0) -> tuple[EnergyModel, TrainableParameters]:
    """A model on variables, and the variables; see `random_parameters`."""
    rng = np.random.default_rng(seed)
    parameters = TrainableParameters()
    model = EnergyModel(config.model, statistics=random_statistics(config, rng), parameters=parameters)
    for name, variable in parameters.by_name.items():
        shape, kind = variable.shape, name.rsplit("/")[-1].split("_")[0]
        if kind == "matrix":
            variable.assign(rng.normal(0, 2.0 / np.sqrt(shape[0] + shape[1]), shape).astype(variable.dtype.name))
        elif kind == "bias":
            variable.assign(rng.normal(0, 0.5, shape).astype(variable.dtype.name))
        elif kind == "idt":
            variable.assign(rng.normal(0.8, 0.2, shape).astype(variable.dtype.name))
    return model, parameters


def resolved(descriptor, run: Callable[[Tabulation], Any]) -> tuple[Resolution, Any]:
    """Run a graph function on finer and finer panels until its embedding is resolved, as training does."""

    @functools.cache
    def compiled(tabulated):
        @tf.function(autograph=False, input_signature=[tf.TensorSpec([len(tabulated)], tf.int32)])
        def attempt(numbers):
            panels = [numbers[k] if is_tabulated else None for k, is_tabulated in enumerate(tabulated)]
            tabulation = Tabulation(descriptor.members, panels)
            result = run(tabulation)
            return result, tabulation.errors(), tabulation.resolved()

        return attempt.get_concrete_function()

    resolution = Resolution.coarsest(descriptor.members)
    while True:
        result, errors, enough = compiled(resolution.tabulated)(tf.constant(resolution.numbers()))
        if enough:
            return resolution, result
        resolution = resolution.refined(descriptor.members, errors.numpy())


@functools.cache
def _directory() -> Path:
    """Return the directory of the graphs; `GRAPHS` names one that the processes of a run share (see conftest.py)."""
    if GRAPHS in os.environ:
        return Path(os.environ[GRAPHS])
    directory = Path(tempfile.mkdtemp(prefix="deepmd_tf_models_"))
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    return directory


@functools.cache
def variant_config(name: str) -> Config:
    """The configuration of a listed variant."""
    return model_config(VARIANTS[name])


@functools.cache
def variant_values(name: str) -> dict[str, np.ndarray]:
    """The parameters of a listed variant by name."""
    return random_parameters(variant_config(name), zlib.crc32(name.encode())).values()


@functools.cache
def graph_file(name: str) -> Path:
    """Return the portable graph of a listed variant; one file for all tests, which they must not change."""
    return _frozen(name, _directory() / f"{name}.pb", portable_graph)


@functools.cache
def potential(name: str) -> DeepPot:
    """A potential on the portable graph of a listed variant; one for all tests."""
    return DeepPot(graph_file(name))


@functools.cache
def native_file(name: str) -> Path:
    """Return the native graph of a listed variant; one file for all tests, which they must not change."""
    return _frozen(name, _directory() / f"{name}-native.pb", native_graph)


def _frozen(name: str, path: Path, freeze) -> Path:
    """Write the graph of a variant, unless another process did."""
    if not path.exists():
        graph = freeze(variant_config(name), variant_values(name), 0.9)
        atomic_write(path, graph.SerializeToString(deterministic=True))
    return path


@functools.cache
def native_potential(name: str) -> DeepPot:
    """A potential on the native graph of a listed variant; one for all tests."""
    return DeepPot(native_file(name))
