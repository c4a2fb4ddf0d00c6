"""SOAP on blocks of parameters; the formula is in `soap_formula`."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from deepmd_tf.nn.blocks import Block, Blocks
from deepmd_tf.optimizer.adam import Adam, AdamOptions
from deepmd_tf.optimizer.share import Share
from deepmd_tf.optimizer.soap_formula import (
    Moments,
    adam_update,
    first_basis,
    multiply_axes,
    next_basis,
    unfolded_square,
)

log = logging.getLogger("deepmd_tf")


@dataclass(frozen=True)
class SoapOptions:
    """Options of SOAP.

    Attributes
    ----------
    betas : tuple of float
        Decay of the first and second moment.
    factor_beta : float
        Decay of the factors.
    interval : int
        Steps between two refreshes of a basis.
    weight_decay : float
        Decoupled weight decay of matrices.
    epsilon : float
        Added to the root of the second moment.
    max_axis : int
        Largest axis that is preconditioned; larger ones keep their basis.
    precision : str
        Precision of the state.
    """

    betas: tuple[float, float] = (0.95, 0.95)
    factor_beta: float = 0.95
    interval: int = 10
    weight_decay: float = 0.0
    epsilon: float = 1e-8
    max_axis: int = 2048
    precision: str = "float32"


class _BlockState(tf.Module):
    """State of one block: factors, bases and moments."""

    def __init__(self, block: Block, options: SoapOptions):
        super().__init__(name="soap_block")
        self.block, self._options = block, options
        axes = block.axes if len(block.axes) > 1 else ()
        self.axes = [k for k, size in enumerate(axes) if size <= options.max_axis]
        sizes = [block.axes[k] for k in self.axes]
        self.factors = [tf.Variable(tf.zeros([d, d], options.precision)) for d in sizes]
        self.bases = [tf.Variable(tf.eye(d, dtype=options.precision)) for d in sizes]
        self.first = tf.Variable(tf.zeros(block.axes, options.precision))
        self.second = tf.Variable(tf.zeros(block.axes, options.precision))

    @property
    def state(self) -> dict:
        """Variables that a checkpoint stores."""
        return {"factors": self.factors, "bases": self.bases, "first": self.first, "second": self.second}

    def update(self, rows: tf.Tensor, number: tf.Tensor) -> tf.Tensor:
        """Return the update of the block's rows, with their shape and dtype; the first call only sees the gradient.

        Parameters
        ----------
        rows : Tensor
            Gradient of the rows.
        number : Tensor
            Steps before this one, float.
        """
        gradient = tf.cast(tf.reshape(rows, self.block.axes), self._options.precision)
        beta = tf.where(number > 0, tf.constant(self._options.factor_beta, gradient.dtype), 0.0)
        result = self._step(gradient, number)
        for axis, factor in zip(self.axes, self.factors, strict=True):
            factor.assign(beta * factor + (1 - beta) * unfolded_square(gradient, axis))
        return tf.cast(tf.reshape(result, tf.shape(rows)), rows.dtype)

    def _step(self, gradient: tf.Tensor, number: tf.Tensor) -> tf.Tensor:
        """Update the moments and return the step, in the original basis; zero before there is a basis."""

        def step():
            rotated = self._rotated(gradient)
            options = self._options
            moments = Moments(self.first, self.second)
            update, moments = adam_update(rotated, moments, number, options.betas, options.epsilon)
            self.first.assign(moments.first)
            self.second.assign(moments.second)
            return self._rotated(update, back=True)

        return tf.cond(number > 0, step, lambda: tf.zeros_like(gradient))

    def _rotated(self, tensor: tf.Tensor, back: bool = False) -> tf.Tensor:
        return multiply_axes(tensor, self._by_axis(self.bases), transpose=not back)

    def _by_axis(self, matrices: Sequence) -> list:
        """Return the matrix of each axis of the block, None for axes that are not preconditioned."""
        found = dict(zip(self.axes, matrices, strict=True))
        return [found.get(axis) for axis in range(len(self.block.axes))]

    def new_basis(self, k: int, first: bool) -> np.ndarray:
        """Return the refreshed basis of the `k`-th preconditioned axis."""
        factor = self.factors[k].numpy()
        return first_basis(factor) if first else next_basis(factor, self.bases[k].numpy())

    def set_basis(self, k: int, basis: np.ndarray) -> None:
        """Replace a basis and rotate the first moment into it."""
        turns = [None] * len(self.axes)
        turns[k] = tf.constant(basis.T @ self.bases[k].numpy())
        self.first.assign(multiply_axes(tf.convert_to_tensor(self.first), self._by_axis(turns)))
        self.bases[k].assign(basis)


class Soap:
    """SOAP for blocks of at least two axes, Adam with the same options for everything else.

    The first step only measures the gradient: the bases need it.

    Parameters
    ----------
    variables : mapping of str to Variable
        Trainable parameters by name.
    blocks : mapping of str to tuple of Block
        Blocks of every parameter.
    options : SoapOptions
        The options.
    """

    def __init__(self, variables: Mapping[str, tf.Variable], blocks: Blocks, options: SoapOptions):
        self.variables_by_name, self._blocks, self._options = dict(variables), blocks, options
        matrices = {name for name in variables if any(len(block.axes) > 1 for block in blocks[name])}
        self._states = {
            name: [_BlockState(block, options) for block in blocks[name]] for name in variables if name in matrices
        }
        rest = {name: variable for name, variable in variables.items() if name not in matrices}
        self._adam = Adam(rest, AdamOptions(options.betas, epsilon=options.epsilon))
        self.updates = self._adam.updates
        self._plan = self._make_plan()
        self._warned = False

    def _make_plan(self) -> list[list[tuple[_BlockState, int]]]:
        """Distribute the refreshes over the steps of an interval, so that all steps cost about the same."""
        axes = [(state, k) for states in self._states.values() for state in states for k in range(len(state.axes))]
        costs = [state.block.axes[state.axes[k]] ** 3 for state, k in axes]
        plan: list[list[tuple[_BlockState, int]]] = [[] for _ in range(self._options.interval)]
        loads = np.zeros(self._options.interval)
        for index in np.argsort(-np.array(costs), kind="stable"):
            place = int(np.argmin(loads))
            plan[place].append(axes[index])
            loads[place] += costs[index]
        return plan

    @property
    def state(self) -> dict:
        """Variables that a checkpoint stores."""
        blocks = {name: [state.state for state in states] for name, states in self._states.items()}
        return {**self._adam.state, "blocks": blocks}

    def apply(self, gradients: Mapping[str, tf.Tensor], learning_rate: tf.Tensor) -> None:
        """Update every variable once, in a graph function; `gradients` has the same names."""
        number = tf.cast(self.updates, self._options.precision)
        for name, states in self._states.items():
            variable, gradient = self.variables_by_name[name], gradients[name]
            parts = [state.update(gradient[state.block.first : state.block.last], number) for state in states]
            update = parts[0] if len(parts) == 1 else tf.concat(parts, axis=0)
            rate = tf.cast(learning_rate, variable.dtype)
            if self._options.weight_decay:
                update += tf.constant(self._options.weight_decay, variable.dtype) * variable
            variable.assign_sub(rate * update)
        self._adam.apply(gradients, learning_rate)

    def refresh(self, share: Share) -> None:
        """Refresh the bases whose turn it is, after a step; ranks divide the work and get the same bits."""
        steps = int(self.updates.numpy())
        first = steps == 1
        due = [entry for entries in self._plan for entry in entries] if first else self._plan[steps % len(self._plan)]
        if not due:
            return
        own = {}
        for index in range(share.rank, len(due), share.size):
            state, k = due[index]
            try:
                own[index] = state.new_basis(k, first)
            except np.linalg.LinAlgError as error:
                self._warn(error)
        for found in share.gather(own):
            for index, basis in found.items():
                state, k = due[index]
                state.set_basis(k, basis)

    def _warn(self, error: np.linalg.LinAlgError) -> None:
        if not self._warned:
            self._warned = True
            log.warning("optimizer: a preconditioner could not be refreshed (%s); its previous basis is kept", error)
