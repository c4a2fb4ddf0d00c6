"""The energy loss: a table of terms with prefactors that follow the learning rate.

    L = p_e mean(dE^2)/N + p_f mean(dF^2) + p_v mean(dV^2)/N,    p = limit + (start - limit) lr/lr(0)

with means over frames and components and N atoms per frame (DeePMD-kit v2 paper, J. Chem. Phys. 159, 054801, 2023).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from deepmd_tf.model.energy_model import Prediction


@dataclass(frozen=True)
class Term:
    """One term of the loss.

    Attributes
    ----------
    key : str
        The letter in ``start_pref_{key}`` and ``rmse_{key}``.
    label : str
        Name of the label and of the prediction's field.
    extensive : bool
        Whether the quantity grows with the number of atoms: the loss divides its square by N, its reported error is
        per atom.
    """

    key: str
    label: str
    extensive: bool


TERMS = (Term("e", "energy", True), Term("f", "force", False), Term("v", "virial", True))

METRICS = ("loss", *(f"{part}_{term.key}" for term in TERMS for part in ("square", "count")))
"""What one step reports, to be added up over steps: the loss, then sum of squared errors (per atom where extensive) and
number of components of each term, zeros where the term is left out; `rmse` turns the sums into errors."""


class EnergyLoss:
    """The loss of energies, forces and virials.

    Parameters
    ----------
    config : LossConfig
        The section ``loss``.
    """

    def __init__(self, config):
        self._prefactors = {
            term: (getattr(config, f"start_pref_{term.key}"), getattr(config, f"limit_pref_{term.key}"))
            for term in TERMS
        }

    @property
    def active(self) -> tuple[Term, ...]:
        """The terms with a prefactor that is not always zero."""
        return tuple(term for term, prefactors in self._prefactors.items() if any(prefactors))

    def __call__(
        self, prediction: Prediction, labels: Mapping[str, tf.Tensor], lr_ratio: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Return the loss, and the sums named by `METRICS`.

        Parameters
        ----------
        prediction : Prediction
            Of the model.
        labels : mapping of str to Tensor
            ``energy [nframes]``, ``force [nframes, nloc * 3]``, ``virial [nframes, 9]``, and for each a scalar
            ``has_{label}``, 0 where the data lacks the label.
        lr_ratio : Tensor
            Learning rate over the first learning rate.
        """
        natoms = tf.cast(tf.shape(prediction.atom_energy)[1], tf.float64)
        total = tf.zeros([], tf.float64)
        sums = []
        for term, (start, limit) in self._prefactors.items():
            if not (start or limit):  # not even computed: the graph leaves out what nothing asks for
                sums += [tf.zeros([], tf.float64)] * 2
                continue
            present = labels[f"has_{term.label}"]
            error = getattr(prediction, term.label) - labels[term.label]
            square = tf.reduce_sum(error**2) * present
            count = tf.cast(tf.size(error), tf.float64) * present
            mean = square / tf.cast(tf.size(error), tf.float64)
            total += (limit + (start - limit) * lr_ratio) * (mean / natoms if term.extensive else mean)
            sums += [square / natoms**2 if term.extensive else square, count]
        return total, tf.stack([total, *sums])


def rmse(sums: np.ndarray, steps: int) -> dict[str, float]:
    """Root-mean-square errors from added-up metrics.

    Parameters
    ----------
    sums : ndarray
        Sum over steps of what `EnergyLoss` returned, in the order of `METRICS`.
    steps : int
        Number of steps added up.

    Returns
    -------
    dict
        ``rmse`` (root of the mean loss) and ``rmse_{key}`` per term, energy and virial per atom; nan where no labels
        were.
    """
    named = dict(zip(METRICS, sums, strict=True))
    with np.errstate(invalid="ignore", divide="ignore"):
        errors = {"rmse": float(np.sqrt(named["loss"] / np.float64(steps)))}
        for term in TERMS:
            square, count = np.float64(named[f"square_{term.key}"]), named[f"count_{term.key}"]
            errors[f"rmse_{term.key}"] = float(np.sqrt(square / count)) if count else float("nan")
    return errors
