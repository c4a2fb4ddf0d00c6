"""Convert the parameters of a trained model to another `type_map`, with reordered, removed or new species.

The parameters of a species are identified by its name, so predictions for the remaining species do not change. If
``N_c = sum(sel)`` changes with the species, the weights of the descriptor in the fitting nets are scaled to compensate.
If the mean is subtracted (no `set_davg_zero`), empty slots of new species add a constant to descriptors
(docs/model.md); with `sel` 0 for these species they add nothing.
"""

from __future__ import annotations

import dataclasses
import itertools
import logging
import re
from collections.abc import Sequence

import numpy as np

from deepmd_tf.config import Config, config_to_dict
from deepmd_tf.config.hybrid import members_of
from deepmd_tf.errors import InputError
from deepmd_tf.model.energy_model import EnergyModel
from deepmd_tf.model.type_embedding import DRAWS, TypeEmbedding, smallest_distance
from deepmd_tf.nn.embedding import residual_copies
from deepmd_tf.nn.parameters import TrainableParameters
from deepmd_tf.statistics import ModelStatistics
from deepmd_tf.transfer.species import Species
from deepmd_tf.transfer.start import Start

log = logging.getLogger("deepmd_tf")

_POWER = {"se_e2_a": 2, "se_a_ebd_v2": 2, "se_e2_r": 1, "se_e2_r_tebd": 1, "se_e3": 0, "se_e3_tebd": 2}
"""Exponent of ``1/N_c`` with which each descriptor scales."""

_TYPE_NET = "type_embed_net/matrix_1"
_BIAS = "fitting_attr/t_bias_atom_e"


def map_species(start: Start, config: Config) -> Start:
    """Return a start with the species of a configuration; `add_parameters` adds the parameters of new species.

    Raises
    ------
    InputError
        If these species change the function of the parameters, or the input does not fit the start.
    """
    new = tuple(config.model.type_map)
    if new == start.type_map:
        return start
    species = Species.between(start.type_map, new)
    if not species.kept:
        raise InputError(
            f"model.type_map: {list(new)} has no species in common with {start.origin}, {list(start.type_map)}; train "
            "from the beginning"
        )
    members = config.model.descriptor.members
    if len(members) != len(start.sel):
        return dataclasses.replace(start, type_map=new)  # `adopt` refuses it with a message
    sel = tuple(
        _slots(species, old, member.sel, f"{config.model.descriptor.place_of(k)}.sel", start.origin)
        for k, (old, member) in enumerate(zip(start.sel, members, strict=True))
    )
    model = _renamed_model(start, config, species)
    return dataclasses.replace(start, type_map=new, sel=sel, model=model, species=species, original=start)


def _slots(species: Species, old: Sequence[int], given, place: str, origin: str) -> tuple[int, ...]:
    """Return the slots of the new model: old values for kept species, values of the input for new species."""
    if isinstance(given, str):
        if species.new:
            raise InputError(
                f"{place}: {given} cannot set the slots of species that are not in {origin}; give a number for each "
                "species (dp neighbor-stat shows the number that the data need)"
            )
        given = [0] * len(species.source)
    return tuple(given[k] if each is None else old[each] for k, each in enumerate(species.source))


def _renamed_model(start: Start, config: Config, species: Species) -> dict:
    """Return the old section `model` with types renumbered; values for new species are those of the input."""
    wanted = config_to_dict(config)["model"]
    model = {key: dict(value) if isinstance(value, dict) else value for key, value in start.model.items()}
    for stored, asked in zip(members_of(model), members_of(wanted), strict=False):
        if "exclude_types" in stored:
            back = {old: k for k, old in enumerate(species.source) if old is not None}
            kept = [[back[t] for t in pair] for pair in stored["exclude_types"] if all(t in back for t in pair)]
            asked_pairs = asked.get("exclude_types") or []
            kept += [list(pair) for pair in asked_pairs if set(pair) & set(species.new)]
            same = {frozenset(pair) for pair in kept} == {frozenset(pair) for pair in asked_pairs}
            stored["exclude_types"] = asked_pairs if same else kept
    fitting = model.get("fitting_net")
    if isinstance(fitting, dict) and fitting.get("atom_ener"):
        given = wanted["fitting_net"]["atom_ener"] or [None] * len(species.source)
        energies = fitting["atom_ener"]
        fitting["atom_ener"] = [given[k] if old is None else energies[old] for k, old in enumerate(species.source)]
    return model


def add_parameters(start: Start, config: Config, statistics: ModelStatistics) -> Start:
    """Add the parameters of new species to a start from `map_species`.

    Parameters
    ----------
    start : Start
        Start with the species of `config`.
    config : Config
        Configuration of the run, with numbers for `sel`.
    statistics : ModelStatistics
        Statistics of the training data, which normalize new species.

    Returns
    -------
    Start
        Start with all parameters of the model. New species have the parameters of a new model. Their rows of the
        type-embedding net are drawn `DRAWS` times; the draw that maximizes the smallest distance is used.
    """
    species: Species | None = start.species
    if species is None:
        return start
    parameters = TrainableParameters()
    EnergyModel(config.model, statistics=statistics, parameters=parameters)
    fresh, old = parameters.values(), start.original.values
    values, new = {}, []
    for name, value in fresh.items():
        source = species.name_of(name)
        if source is None:
            values[name] = value
            new.append(name)
        elif name == _BIAS:
            values[name] = species.rows(old[source], np.zeros_like(value))
        elif source in old:  # the model raises an error for missing parameters
            values[name] = _slots_rows(species, old[source], value) if name.startswith("descrpt") else old[source]
    values |= _type_embedding(species, config, old, fresh, start.origin)
    _scale_descriptor(values, config, start, new)
    return dataclasses.replace(start, values=values, fresh=tuple(new))


def _slots_rows(species: Species, old: np.ndarray, fresh: np.ndarray) -> np.ndarray:
    """Return rows of normalization by center type ``[ntypes, nnei * columns]``; all slots of a row are equal."""
    # A descriptor has 4 columns or 1. With 1, all numbers of a row are equal; if they are with 4, both give the same.
    columns = 1 if all((table == table[:, :1]).all() for table in (old, fresh)) else 4
    return species.rows(np.tile(old[:, :columns], (1, fresh.shape[1] // columns)), fresh)


def _type_embedding(species: Species, config: Config, old: dict, fresh: dict, origin: str) -> dict[str, np.ndarray]:
    """Return the parameters of the type-embedding net, and of the nets that read its vectors if those are permuted."""
    section = config.model.type_embedding
    if section is None or section.use_econf_tebd:
        return {}
    matrix = old[_TYPE_NET]
    before, after = len(matrix), len(species.source)
    widths = [before, *section.neuron]
    shapes = [old.get(f"type_embed_net/matrix_{k}", np.empty(0)).shape for k in range(1, len(widths))]
    if shapes != list(itertools.pairwise(widths)):
        return {}  # another net: the model raises an error
    if sorted(k for k in species.source if k is not None) == list(range(before)) and before == after:
        return _permuted_type_net(species, config, old, origin)
    for count in (before, after):
        if residual_copies(count, section.neuron[0]):
            raise InputError(
                f"model.type_embedding.neuron: its first width, {section.neuron[0]}, equals the number of species, "
                f"{count}, or twice that, so the residual rule adds the species itself to its vector, and the "
                f"parameters of {origin} would describe another function for another number of species. Add names to "
                "model.type_map (the data need not contain them), or train from the beginning"
            )
    rows = species.rows(matrix, fresh[_TYPE_NET])
    return {_TYPE_NET: _most_distinct(species, config, rows, {k: v for k, v in old.items() if k in fresh})}


def _most_distinct(species: Species, config: Config, rows: np.ndarray, others: dict[str, np.ndarray]) -> np.ndarray:
    """Draw rows of new species several times, and return those with the most distinct species."""
    if not species.new:
        return rows
    section, names = config.model.type_embedding, config.model.type_map
    std = 1.0 / np.sqrt(sum(rows.shape))
    best, widest = rows, -np.inf
    for seed in np.random.SeedSequence(section.seed).spawn(DRAWS):
        drawn = rows.copy()
        drawn[species.new] = np.random.default_rng(seed).normal(0.0, std, drawn[species.new].shape)
        parameters = TrainableParameters(others | {_TYPE_NET: drawn})
        distance = smallest_distance(TypeEmbedding(section, type_map=names, parameters=parameters)().numpy())
        if distance > widest:
            best, widest = drawn, distance
    return best


def _permuted_type_net(species: Species, config: Config, old: dict, origin: str) -> dict[str, np.ndarray]:
    """Return the parameters of the net for reordered species.

    If the residual rule adds the one-hot vector of a species to the output of a layer, the components of the output are
    reordered as well. This continues through later layers to the nets that read the vectors.
    """
    section, result = config.model.type_embedding, {}
    order, width = np.array(species.source), len(species.source)
    for k, n_out in enumerate(section.neuron, start=1):
        copies = residual_copies(width, n_out)
        after = np.concatenate([order + c * width for c in range(copies)]) if copies else np.arange(n_out)
        result[f"type_embed_net/matrix_{k}"] = old[f"type_embed_net/matrix_{k}"].reshape(width, n_out)[order][:, after]
        for part in ("bias", "idt"):
            if (name := f"type_embed_net/{part}_{k}") in old:
                result[name] = old[name].reshape(-1)[after]
        order, width = after, n_out
    if (order == np.arange(width)).all():
        return result
    for name, first in _type_vector_matrices(config, old, width):
        matrix = old[name]
        if name.startswith("filter") and residual_copies(*matrix.shape):
            raise InputError(
                f"model.type_map: the species of {origin} cannot be reordered, because the residual rule passes their "
                "vectors through the first layer of the embedding net; use its order"
            )
        rows = np.arange(len(matrix))
        for block in range(first, len(matrix) if name.startswith("filter") else first + width, width):
            rows[block : block + width] = block + order
        result[name] = matrix[rows]
    return result


def _type_vector_matrices(config: Config, old: dict, width: int) -> list[tuple[str, int]]:
    """Return the matrices that multiply species vectors, each with the first of these rows."""
    fitting = config.model.fitting_net
    extra = fitting.numb_fparam + fitting.numb_aparam
    takers = [("layer_0/matrix", len(old["layer_0/matrix"]) - extra - width)]
    for name in old:
        if re.fullmatch(r"filter_type_all(_\d+)?/matrix_1(_(one|two)_side_ebd)?", name):
            takers.append((name, 0 if name.endswith("_ebd") else 1))
    strip = {name.partition("/")[0] for name, _ in takers if name.endswith("_ebd")}
    return [t for t in takers if not (t[0].endswith("/matrix_1") and t[0].partition("/")[0] in strip)]


def _scale_descriptor(values: dict[str, np.ndarray], config: Config, start: Start, new: list[str]) -> None:
    """Compensate another ``N_c`` in the first layers of the fitting nets."""
    members = config.model.descriptor.members
    factors = [
        (sum(new) / sum(old)) ** _POWER[member.type] if sum(old) and sum(new) else 1.0
        for member, old, new in zip(members, start.original.sel, start.sel, strict=True)
    ]
    if all(factor == 1.0 for factor in factors):
        return
    if len(members) > 1:
        raise InputError(
            f"model.type_map: a hybrid descriptor of {start.origin} keeps its function only while the sum of each sel "
            "is unchanged; reorder the species, or set sel to 0 for new ones"
        )
    fitting, section = config.model.fitting_net, config.model.type_embedding
    beside = fitting.numb_fparam + fitting.numb_aparam + (section.neuron[-1] if section else 0)
    for name in [name for name in values if re.fullmatch(r"layer_0(_type_\d+)?/matrix", name)]:
        if name not in new:
            matrix = values[name].copy()
            matrix[: len(matrix) - beside] *= factors[0]
            values[name] = matrix


def report_parameters(start: Start) -> None:
    """Log the origin of every parameter, one line for each net."""
    groups: dict[tuple[str, str], list[str]] = {}
    species = start.species
    for name in sorted(start.values):
        scope, _, part = name.rpartition("/")
        if name in start.fresh:
            origin = "new"
        elif species is not None and species.new and _has_rows_by_type(start, name):
            new = " ".join(start.type_map[k] for k in species.new)
            origin = f"reused, new for {new}"
        else:
            origin = "reused"
        groups.setdefault((origin, scope), []).append(part)
    log.info("parameters of %s:", start.origin)
    for (origin, scope), parts in sorted(groups.items()):
        log.info("  %s: %s/ %s", origin, scope, " ".join(parts))


def _has_rows_by_type(start: Start, name: str) -> bool:
    """Return True if a parameter has a row for each type."""
    by_type = name.startswith("descrpt_attr") or name in (_BIAS, _TYPE_NET)
    return by_type and len(start.values[name]) == len(start.type_map)
