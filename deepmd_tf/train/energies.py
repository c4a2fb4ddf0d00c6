"""Energies per species of a model that begins with parameters from elsewhere, fitted to the training data."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np

from deepmd_tf.config import Config
from deepmd_tf.data.source import DataSource
from deepmd_tf.export.change_bias import BIAS
from deepmd_tf.infer.change_bias import potential_of
from deepmd_tf.infer.energy_bias import residuals, shift
from deepmd_tf.nn.parameters import TrainableParameters
from deepmd_tf.train.measure import frame_weights, weights_of_rank
from deepmd_tf.train.ranks import Ranks

log = logging.getLogger("deepmd_tf")


def fit_energies(
    config: Config, parameters: TrainableParameters, source: DataSource, types: Sequence[int], ranks: Ranks
) -> None:
    """Shift the energies of some species so that the model fits the energies of the data in the least-squares sense.

    Parameters
    ----------
    config : Config
        The configuration of the run. Energies given in ``model.fitting_net.atom_ener`` stay.
    parameters : TrainableParameters
        Parameters of the model; the energies are changed in place.
    source : DataSource
        The training data.
    types : sequence of int
        Types whose energies are fitted; the others stay.
    ranks : Ranks
        Processes that share the frames.
    """
    values = ranks.broadcast(parameters.values())
    fitting, type_map = config.model.fitting_net, config.model.type_map
    free = [k for k in types if not fitting.atom_ener or fitting.atom_ener[k] is None]
    if not free:
        return
    weights = weights_of_rank(frame_weights(config, source), ranks)
    with potential_of(config, values) as potential:
        found = residuals(potential, source.systems, weights)
    differences, compositions = map(np.concatenate, zip(*ranks.gather(found), strict=True))
    kept = [k for k in range(len(type_map)) if k not in free]
    by_type = ranks.broadcast(shift(differences, compositions, rcond=fitting.rcond, kept=kept))
    bias = values[BIAS] + by_type
    parameters.by_name[BIAS].assign(bias)
    for k in free:
        log.info("energy of %s: %.6f eV, fitted to the data (shifted by %.6f)", type_map[k], bias[k], by_type[k])
