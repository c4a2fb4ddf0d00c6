"""The energy loss: a sum of terms with prefactors that depend on the learning rate.

    L = p_e mean(dE^2)/N + p_f mean(dF^2) + p_v mean(dV^2)/N,    p = limit + (start - limit) lr/lr(0)

with means over frames and components and N atoms per frame (DeePMD-kit v2 paper, J. Chem. Phys. 159, 054801, 2023).
Frames with different sizes and labels may share a batch. With N_f atoms in frame f, and h_f = 1 if the frame has the
label of the term, otherwise 0,

    L = p_e (sum_f h_f dE_f^2 / N_f) / (sum_f h_f) + p_f (sum_f h_f |dF_f|^2) / (sum_f h_f 3 N_f)
        + p_v (sum_f h_f |dV_f|^2 / (9 N_f)) / (sum_f h_f)

where a term is 0 if no frame has its label. This equals the formula above if all frames have the same size and labels.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from deepmd_tf.model.energy_model import Prediction


@dataclass(frozen=True)
class Term:
    """Term of the loss.

    Attributes
    ----------
    key : str
        Letter in ``start_pref_{key}`` and ``rmse_{key}``.
    label : str
        Name of the label and of the field of the prediction.
    extensive : bool
        True for an extensive quantity of a frame with N atoms: the loss divides its square by N, and its reported error
        is per atom. False for a quantity of an atom.
    width : int
        Number of components per frame or atom.
    """

    key: str
    label: str
    extensive: bool
    width: int


TERMS = (Term("e", "energy", True, 1), Term("f", "force", False, 3), Term("v", "virial", True, 9))

METRICS = ("loss", *(f"{part}_{term.key}" for term in TERMS for part in ("square", "count")))
"""Numbers of one step, which are summed over steps: the loss, then for each term the sum of squared errors (per atom if
extensive) and the number of components, or zeros for an inactive term. `rmse` converts the sums to errors."""


class EnergyLoss:
    """Loss of energies, forces and virials.

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
        """Terms with a nonzero prefactor."""
        return tuple(term for term, prefactors in self._prefactors.items() if any(prefactors))

    def counts(self, labels: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """Return the number of labeled components of each of `TERMS` in a batch, float64 ``[nterms]``."""
        sizes, _ = _frame_sizes(labels["frame_splits"])
        present = [labels[f"has_{term.label}"] * (1.0 if term.extensive else sizes) for term in TERMS]
        return tf.stack([term.width * tf.reduce_sum(rows) for term, rows in zip(TERMS, present, strict=True)])

    def __call__(
        self,
        prediction: Prediction,
        labels: Mapping[str, tf.Tensor],
        lr_ratio: tf.Tensor,
        counts: tf.Tensor | None = None,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Return the loss and the numbers of `METRICS`.

        Parameters
        ----------
        prediction : Prediction
            Prediction of the model.
        labels : mapping of str to Tensor
            Flat arrays of a batch (`data.feed`): ``energy [nframes]``, ``force [natoms, 3]``, ``virial [nframes, 9]``,
            for each ``has_{label} [nframes]``, 0 for a frame without the label, and ``frame_splits [nframes + 1]``.
            The fields of the prediction have the same shapes.
        lr_ratio : Tensor
            Learning rate divided by the first learning rate.
        counts : Tensor, optional
            Numbers of components by which the means are divided, see `counts`; by default those of this batch. With the
            counts of a larger batch, the losses of its parts add up to its loss.
        """
        natoms, frame_of_atom = _frame_sizes(labels["frame_splits"])
        total = tf.zeros([], tf.float64)
        counts = tf.unstack(self.counts(labels) if counts is None else counts, num=len(TERMS))
        sums = []
        for (term, (start, limit)), of_whole in zip(self._prefactors.items(), counts, strict=True):
            if not (start or limit):  # the error is not computed at all
                sums += [tf.zeros([], tf.float64)] * 2
                continue
            present = labels[f"has_{term.label}"]
            if not term.extensive:
                present = tf.gather(present, frame_of_atom)
            error = tf.reshape(getattr(prediction, term.label) - labels[term.label], [-1, term.width])
            square = tf.reduce_sum(error**2, axis=1) * present
            count = term.width * tf.reduce_sum(present)
            mean = tf.math.divide_no_nan(tf.reduce_sum(square / natoms if term.extensive else square), of_whole)
            total += (limit + (start - limit) * lr_ratio) * mean
            sums += [tf.reduce_sum(square / natoms**2 if term.extensive else square), count]
        return total, tf.stack([total, *sums])


def _frame_sizes(frame_splits: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Return the sizes of frames, float64 ``[nframes]``, and the frame of each atom, int32 ``[natoms]``."""
    ends = frame_splits[1:]
    sizes = tf.cast(ends - frame_splits[:-1], tf.float64)
    return sizes, tf.searchsorted(ends, tf.range(frame_splits[-1]), side="right")


def rmse(sums: np.ndarray, steps: int) -> dict[str, float]:
    """Return the root-mean-square errors from sums of metrics.

    Parameters
    ----------
    sums : ndarray
        Sums over steps of the numbers returned by `EnergyLoss`, in the order of `METRICS`.
    steps : int
        Number of steps in the sums.

    Returns
    -------
    dict
        ``rmse`` (root of the mean loss) and ``rmse_{key}`` per term, energy and virial per atom; nan for terms
        without labels.
    """
    named = dict(zip(METRICS, sums, strict=True))
    with np.errstate(invalid="ignore", divide="ignore"):
        errors = {"rmse": float(np.sqrt(named["loss"] / np.float64(steps)))}
        for term in TERMS:
            square, count = np.float64(named[f"square_{term.key}"]), named[f"count_{term.key}"]
            errors[f"rmse_{term.key}"] = float(np.sqrt(square / count)) if count else float("nan")
    return errors
