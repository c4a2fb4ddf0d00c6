"""The model in plain NumPy, from its definition: loops over atoms, images and neighbors, no padding, no shared code.

Formulae: DeePMD-kit v2 paper (J. Chem. Phys. 159, 054801, 2023) and DeepPot-SE (arXiv 1805.09003).
"""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
from scipy import special

ACTIVATIONS = {
    "tanh": np.tanh,
    "gelu": lambda x: x / 2 * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))),
    "gelu_tf": lambda x: x / 2 * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))),
    "relu": lambda x: np.where(x > 0, x, 0),
    "relu6": lambda x: np.clip(x, 0, 6),
    "softplus": lambda x: np.logaddexp(0, x),
    "sigmoid": special.expit,
    "silu": lambda x: x * special.expit(x),
    "linear": lambda x: x,
    "none": lambda x: x,
}


def neighbors(coord, cell, rcut, pbc=(True, True, True)) -> list[list[tuple[int, np.ndarray]]]:
    """Neighbors (index, vector) of every atom among all atoms and their images, in no order."""
    shifts = [np.zeros(3)]
    if cell is not None:
        extent = np.ptp(coord, axis=0).max() + rcut
        counts = [
            int(np.ceil(extent * np.linalg.norm(normal))) + 1 if periodic else 0
            for normal, periodic in zip(np.linalg.inv(cell).T, pbc, strict=True)
        ]
        shifts = [np.array(n) @ cell for n in itertools.product(*(range(-c, c + 1) for c in counts))]
    vectors = coord[None, :, None] + np.array(shifts) - coord[:, None, None]
    distance = np.linalg.norm(vectors, axis=-1)
    itself = np.eye(len(coord), dtype=bool)[:, :, None] & ~np.any(shifts, axis=1)
    close = (distance < rcut) & ~itself
    return [[(int(j), vectors[i, j, k]) for j, k in np.argwhere(close[i])] for i in range(len(coord))]


def smooth(r: float, rcut: float, rcut_smth: float) -> float:
    """The smooth weight s(r) (1/Å)."""
    if r >= rcut:
        return 0.0
    if r < rcut_smth:
        return 1.0 / r
    x = (r - rcut_smth) / (rcut - rcut_smth)
    return (x**3 * (-6 * x**2 + 15 * x - 10) + 1) / r


def environment_row(vector, rcut, rcut_smth) -> np.ndarray:
    """``[s, s x/r, s y/r, s z/r]``."""
    r = np.linalg.norm(vector)
    return smooth(r, rcut, rcut_smth) * np.array([1.0, *(vector / r)])


def embedding_net(x, values, scope, config, suffix="") -> np.ndarray:
    """An embedding net on one input vector; `config` has ``neuron`` and ``activation_function``."""
    phi = ACTIVATIONS[config.activation_function]
    for k in range(1, len(config.neuron) + 1):
        y = phi(x @ values[f"{scope}/matrix_{k}{suffix}"] + values.get(f"{scope}/bias_{k}{suffix}", 0.0))
        y = y * values.get(f"{scope}/idt_{k}{suffix}", 1.0)
        if len(y) == len(x):
            y = y + x
        elif len(y) == 2 * len(x):
            y = y + np.concatenate([x, x])
        x = y
    return x


def type_embedding(model, values) -> np.ndarray:
    """The table ``[ntypes, width]``; None in a model without."""
    if model.type_embedding is None:
        return None
    inputs = np.eye(len(model.type_map))
    if model.type_embedding.use_econf_tebd:
        from deepmd_tf.model.electron_configuration import electron_configurations

        inputs = electron_configurations(model.type_map)
    return np.array([embedding_net(row, values, "type_embed_net", model.type_embedding) for row in inputs])


def two_body_embedding(s, j_type, i_type, table, values, config, *, empty=False) -> np.ndarray:
    """``G`` of a neighbor, or of an empty slot for neighbors of type j."""
    if table is None or config.type == "se_e2_r":
        scope = "filter_type_all" if config.type_one_side else f"filter_type_{i_type}"
        return embedding_net(np.array([s]), values, scope, config, suffix=f"_{j_type}")
    neighbor = table[j_type]
    if config.type != "se_a_ebd_v2":
        sides = [neighbor] if config.type_one_side else [neighbor, table[i_type]]
        return embedding_net(np.concatenate([[s], *sides]), values, "filter_type_all", config)
    neighbor = 0 * neighbor if empty else neighbor
    sides, suffix = (
        ([neighbor], "_one_side_ebd") if config.type_one_side else ([neighbor, table[i_type]], "_two_side_ebd")
    )
    of_types = embedding_net(np.concatenate(sides), values, "filter_type_all", config, suffix=suffix)
    return embedding_net(np.array([s]), values, "filter_type_all", config) * (1 + of_types)


def members(model, values):
    """Models with one member of a hybrid descriptor each, and their parameters as they would be called alone."""
    for k, member in enumerate(model.descriptor.list):
        own = {}
        for name, value in values.items():
            scope, _, rest = name.partition("/")
            if not scope.startswith(("filter_type", "descrpt_attr")):
                own[name] = value
            elif scope.endswith(f"_{k}"):
                own[f"{scope.removesuffix(f'_{k}')}/{rest}"] = value
        yield dataclasses.replace(model, descriptor=member), own


def descriptors(model, values, coord, cell, types) -> np.ndarray:
    """Descriptors ``[natoms, width]``; empty slots enter as a constant times their number."""
    config = model.descriptor
    if config.type == "hybrid":
        return np.concatenate([descriptors(*member, coord, cell, types) for member in members(model, values)], axis=1)
    if config.type.startswith("se_e3"):
        return three_body_descriptors(model, values, coord, cell, types)
    radial = config.type.startswith("se_e2_r")
    columns = 1 if radial else 4
    slots = sum(config.sel)
    table = type_embedding(model, values)
    excluded = {frozenset(pair) for pair in config.exclude_types}
    result = []
    for i, found in enumerate(neighbors(coord, cell, config.rcut)):
        avg = values["descrpt_attr/t_avg"][types[i], :columns]
        std = values["descrpt_attr/t_std"][types[i], :columns]
        left = np.array(config.sel)
        t = np.zeros((columns, config.neuron[-1]))

        def embedded(s, j_type, i=i, **how):
            return two_body_embedding(s, j_type, types[i], table, values, config, **how)

        for j, vector in found:
            left[types[j]] -= 1
            if frozenset((types[i], types[j])) not in excluded:
                row = (environment_row(vector, config.rcut, config.rcut_smth)[:columns] - avg) / std
                t += np.outer(np.ones(1) if radial else row, embedded(row[0], types[j]))
        empty = -avg / std
        for j_type, count in enumerate(left):
            if frozenset((types[i], j_type)) not in excluded:
                t += count * np.outer(np.ones(1) if radial else empty, embedded(empty[0], j_type, empty=True))
        t /= slots
        result.append(t[0] / 5 if radial else (t.T @ t[:, : config.axis_neuron]).ravel())
    return np.array(result)


def three_body_descriptors(model, values, coord, cell, types) -> np.ndarray:
    """Descriptors ``[natoms, M]``: a sum over ordered pairs of neighbors; empty slots have no angular columns."""
    config = model.descriptor
    table = type_embedding(model, values)
    excluded = {frozenset(pair) for pair in config.exclude_types}
    result = np.zeros((len(coord), config.neuron[-1]))
    for i, found in enumerate(neighbors(coord, cell, config.rcut)):
        std = values["descrpt_attr/t_std"][types[i], 1:4]
        columns = [
            (types[j], environment_row(vector, config.rcut, config.rcut_smth)[1:] / std)
            for j, vector in found
            if frozenset((types[i], types[j])) not in excluded
        ]
        for (t, a), (u, b) in itertools.product(columns, columns):
            theta = a @ b
            if config.type == "se_e3_tebd":
                inputs = np.concatenate([[theta], table[t], table[u]])
                result[i] += theta * embedding_net(inputs, values, "filter_type_all", config) / sum(config.sel) ** 2
            elif t <= u and config.sel[t] * config.sel[u] > 0:
                embedded = embedding_net(np.array([theta]), values, "filter_type_all", config, suffix=f"_{t}_{u}")
                result[i] += theta * embedded / (config.sel[t] * config.sel[u])
    return result


def fitting_net(x, values, config, suffix="") -> float:
    """The fitting net on one input vector."""
    phi = ACTIVATIONS[config.activation_function]
    for k in range(len(config.neuron)):
        y = phi(x @ values[f"layer_{k}{suffix}/matrix"] + values[f"layer_{k}{suffix}/bias"])
        y = y * values.get(f"layer_{k}{suffix}/idt", 1.0)
        x = x + y if k > 0 and len(x) == len(y) else y
    return float(x @ values[f"final_layer{suffix}/matrix"][:, 0] + values[f"final_layer{suffix}/bias"][0])


def atomic_energies(model, values, coord, cell, types, fparam=None, aparam=None) -> np.ndarray:
    """Energies of the atoms (eV) ``[natoms]``."""
    config = model.fitting_net
    table = type_embedding(model, values)
    energies = []
    for i, descriptor in enumerate(descriptors(model, values, coord, cell, types)):
        extra = []
        if config.numb_fparam:
            extra.append((fparam - values["fitting_attr/t_fparam_avg"]) * values["fitting_attr/t_fparam_istd"])
        if config.numb_aparam:
            extra.append((aparam[i] - values["fitting_attr/t_aparam_avg"]) * values["fitting_attr/t_aparam_istd"])
        told = [] if table is None else [table[types[i]]]
        suffix = f"_type_{types[i]}" if table is None else ""
        energy = fitting_net(np.concatenate([descriptor, *told, *extra]), values, config, suffix)
        if config.atom_ener:
            energy -= fitting_net(np.concatenate([0 * descriptor, *told, *extra]), values, config, suffix)
        energies.append(energy + values["fitting_attr/t_bias_atom_e"][types[i]])
    return np.array(energies)
