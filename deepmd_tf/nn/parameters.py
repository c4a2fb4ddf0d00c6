"""Sources of parameters: variables in training, named constants in a frozen graph.

A module asks for each parameter by the name that the frozen graph gives it (``filter_type_all/matrix_1``). Training,
checkpoints, frozen graphs and ``--init-frz-model`` therefore share one set of names, and a module is written once.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import tensorflow as tf

from deepmd_tf.errors import InputError


@dataclass(frozen=True)
class Normal:
    """Initial values drawn from a normal distribution; equal (seed, parameter name) give equal values.

    Parameters
    ----------
    std, mean : float
        Standard deviation and mean.
    seed : int or None
        None for a random seed.
    """

    std: float
    mean: float = 0.0
    seed: int | None = None

    def __call__(self, name: str, shape: tuple[int, ...]) -> np.ndarray:
        """Return values of `shape`, float64."""
        entropy = None if self.seed is None else [self.seed, zlib.crc32(name.encode())]
        return np.random.default_rng(entropy).normal(self.mean, self.std, shape)


@dataclass(frozen=True)
class Fixed:
    """Initial values that are given."""

    value: np.ndarray

    def __call__(self, name: str, shape: tuple[int, ...]) -> np.ndarray:
        """Return the given values in `shape`."""
        return np.broadcast_to(np.asarray(self.value, dtype=np.float64), shape)


class Parameters(Protocol):
    """A source of parameters."""

    def __call__(self, name: str, shape: tuple[int, ...], initial, precision: str, trainable: bool = True) -> tf.Tensor:
        """Return the parameter `name`, created when the source creates."""


class NumberedParameters:
    """Parameters of one of several equal modules: ``scope/name`` is asked for as ``scope_{number}/name``.

    Parameters
    ----------
    parameters : Parameters
        The source.
    number : int
        Number of the module.
    """

    def __init__(self, parameters: Parameters, number: int):
        self._parameters, self._number = parameters, number

    def __call__(self, name: str, shape: tuple[int, ...], initial, precision: str, trainable: bool = True) -> tf.Tensor:
        """Return the parameter."""
        scope, _, rest = name.partition("/")
        return self._parameters(f"{scope}_{self._number}/{rest}", shape, initial, precision, trainable)


def _given(values: Mapping[str, np.ndarray], name: str, shape: tuple[int, ...]) -> np.ndarray:
    value = np.asarray(values[name])
    if value.size != int(np.prod(shape)):
        raise InputError(
            f"parameter {name}: expected shape {tuple(shape)} from the model's configuration, got {value.shape} "
            "from the given values; the configuration must describe the same networks"
        )
    return value.reshape(shape)


class TrainableParameters:
    """Eagerly created variables.

    Parameters
    ----------
    values : mapping of str to ndarray, optional
        Values to start from instead of the initial ones, by parameter name. When given, it must hold every parameter.
    """

    def __init__(self, values: Mapping[str, np.ndarray] | None = None):
        self._values = values
        self.by_name: dict[str, tf.Variable] = {}

    def __call__(
        self, name: str, shape: tuple[int, ...], initial, precision: str, trainable: bool = True
    ) -> tf.Variable:
        """Create the variable `name`."""
        if name in self.by_name:
            raise ValueError(f"parameter {name} is created twice")
        if self._values is None:
            value = initial(name, shape)
        elif name in self._values:
            value = _given(self._values, name, shape)
        else:
            raise InputError(f"parameter {name}: not among the given values; have {', '.join(sorted(self._values))}")
        variable = tf.Variable(value, trainable=trainable, dtype=precision, name=name)
        self.by_name[name] = variable
        return variable

    def values(self) -> dict[str, np.ndarray]:
        """Return a copy of all parameters by name."""
        return {name: variable.numpy() for name, variable in self.by_name.items()}


class FrozenParameters:
    """Constants in the graph under construction: a Const node ``name`` followed by the Identity ``name/read``.

    Parameters
    ----------
    values : mapping of str to ndarray
        All parameters by name.
    """

    def __init__(self, values: Mapping[str, np.ndarray]):
        self._values = values

    def __call__(self, name: str, shape: tuple[int, ...], initial, precision: str, trainable: bool = True) -> tf.Tensor:
        """Write the constant `name` into the default graph."""
        value = _given(self._values, name, shape).astype(precision)
        with tf.name_scope(""):
            return tf.identity(tf.constant(value, name=name), name=f"{name}/read")
