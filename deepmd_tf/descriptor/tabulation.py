"""Resolution of tabulated embeddings: in one evaluation, and over a run.

A descriptor over edges evaluates its embedding net on the panels of an axis, as Chebyshev series, and not at every
edge. The series is exact to rounding if the panels are narrow enough. An evaluation therefore reports an estimate of
the truncation error. Where it is above the round-off of the model's precision, the result is not used, and the
evaluation is repeated on panels of half the width. `Resolution` holds the panels of all members of a descriptor between
evaluations; `Tabulation` carries them into one evaluation and collects the errors. A model without `Tabulation`
evaluates its nets at every edge.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import tensorflow as tf

if TYPE_CHECKING:
    from deepmd_tf.descriptor.tabulated import TabulatedDescriptor

MAX_PER_OCTAVE = 128
"""Panels per octave beyond which tabulating costs more than it saves."""


@dataclass(frozen=True)
class Resolution:
    """Panels per octave of each member of a descriptor.

    Attributes
    ----------
    per_octave : tuple of int or None
        None for an embedding that is evaluated at every edge.
    """

    per_octave: tuple[int | None, ...]

    @classmethod
    def coarsest(cls, members: Sequence[TabulatedDescriptor]) -> Resolution:
        """Return the panels that are tried first."""
        return cls(tuple(member.coarsest for member in members))

    @classmethod
    def reaching(
        cls, members: Sequence[TabulatedDescriptor], type_table: tf.Tensor | None, shortest: float
    ) -> Resolution:
        """Return panels on which atoms at any distance from `shortest` (Å) on are resolved, for constant parameters.

        Parameters
        ----------
        members : sequence of TabulatedDescriptor
            Members of the descriptor.
        type_table : Tensor or None
            The type embedding ``[ntypes, type_width]``, in models that have one.
        shortest : float
            Positive and below `rcut_smth`.
        """
        found = []
        for member in members:
            number = member.coarsest
            while number is not None and member.truncation_error(type_table, shortest, number) > member.tolerance:
                number = _finer(number)
            found.append(number)
        return cls(tuple(found))

    @property
    def complete(self) -> bool:
        """Whether all members are tabulated."""
        return None not in self.per_octave

    @property
    def tabulated(self) -> tuple[bool, ...]:
        """Whether each member is tabulated; compiled functions depend on it."""
        return tuple(number is not None for number in self.per_octave)

    def refined(self, members: Sequence[TabulatedDescriptor], errors: np.ndarray) -> Resolution:
        """Return the next finer panels of members whose truncation error ``[nmembers]`` is above their tolerance."""
        return Resolution(
            tuple(
                _finer(number) if number is not None and error > member.tolerance else number
                for member, number, error in zip(members, self.per_octave, errors, strict=True)
            )
        )

    def numbers(self) -> np.ndarray:
        """Return the panels per octave as int32 ``[nmembers]``; 0 for members that are not tabulated."""
        return np.array([number or 0 for number in self.per_octave], np.int32)

    def __str__(self) -> str:
        """Describe the panels."""
        return "; ".join("every edge" if n is None else f"{n} panels per octave" for n in self.per_octave)


def _finer(number: int) -> int | None:
    return 2 * number if number < MAX_PER_OCTAVE else None


class Tabulation:
    """Panels and truncation errors of one evaluation.

    Parameters
    ----------
    members : sequence of TabulatedDescriptor
        Members of the descriptor.
    per_octave : sequence of int, Tensor or None
        Panels per octave of each member, int32; None for members that are not tabulated.
    """

    def __init__(self, members: Sequence[TabulatedDescriptor], per_octave: Sequence[int | tf.Tensor | None]):
        self._members, self._per_octave = tuple(members), tuple(per_octave)
        self._errors: dict[int, tf.Tensor] = {}

    def per_octave_of(self, member: TabulatedDescriptor) -> int | tf.Tensor | None:
        """Return the panels per octave of a member."""
        return self._per_octave[self._index(member)]

    def report(self, member: TabulatedDescriptor, error: tf.Tensor) -> None:
        """Store the relative truncation error of a member, a float64 scalar."""
        self._errors[self._index(member)] = error

    def errors(self) -> tf.Tensor:
        """Return the truncation errors, float64 ``[nmembers]``; 0 for members that are not tabulated."""
        zero = tf.zeros([], tf.float64)
        return tf.stack([self._errors.get(k, zero) for k in range(len(self._members))])

    def resolved(self) -> tf.Tensor:
        """Return whether all errors are within the tolerance; errors that are not finite are a different problem."""
        tolerances = np.array([member.tolerance for member in self._members])
        return tf.logical_not(tf.reduce_any(self.errors() > tolerances))

    def _index(self, member: TabulatedDescriptor) -> int:
        return next(k for k, each in enumerate(self._members) if each is member)
