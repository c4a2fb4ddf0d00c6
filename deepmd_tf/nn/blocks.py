"""Blocks of parameters: the tensors that an optimizer may precondition axis by axis.

A parameter consists of one or more blocks of rows. Most matrices are one block with two axes. The first matrix of a
fitting net multiplies a descriptor that is itself a matrix, ``D [M, M_axis]``, so its rows are a block with the axes
``[M, M_axis, neuron]``; the rows for the type embedding and for fparam and aparam are blocks of their own. The model
knows this, the optimizer does not.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import tensorflow as tf


@dataclass(frozen=True)
class Block:
    """Consecutive rows of a parameter, seen as a tensor.

    Attributes
    ----------
    first, last : int
        The rows ``first : last`` of the parameter.
    axes : tuple of int
        Sizes of the axes; their product is the number of elements. One axis means that the optimizer treats the
        elements one by one.
    """

    first: int
    last: int
    axes: tuple[int, ...]


Blocks = Mapping[str, tuple[Block, ...]]
"""Blocks of each parameter, by name."""


def whole(shape: Sequence[int]) -> tuple[Block, ...]:
    """Return the one block of a parameter: a matrix with two axes, or a vector."""
    shape = tuple(shape) or (1,)
    axes = shape if len(shape) == 2 and min(shape) > 1 else (math.prod(shape),)
    return (Block(0, shape[0], axes),)


def elementwise(shape: Sequence[int]) -> tuple[Block, ...]:
    """Return the one block of a parameter whose elements are treated one by one."""
    return (Block(0, shape[0], (math.prod(shape),)),)


def row_blocks(parts: Sequence[tuple[int, ...]], columns: int) -> tuple[Block, ...]:
    """Return the blocks of a matrix whose rows have the axes `parts`, one tuple for each block without empty ones.

    Parameters
    ----------
    parts : sequence of tuple of int
        Axes of the rows of each block, such as ``(M, M_axis)``.
    columns : int
        Columns of the matrix.
    """
    blocks, first = [], 0
    for axes in parts:
        rows = math.prod(axes)
        if rows:
            sizes = tuple(size for size in (*axes, columns) if size > 1)
            blocks.append(Block(first, first + rows, sizes if len(sizes) > 1 else (rows * columns,)))
            first += rows
    return tuple(blocks)


def all_blocks(variables: Mapping[str, tf.Variable], special: Blocks) -> dict[str, tuple[Block, ...]]:
    """Return the blocks of every parameter: those given in `special`, and one for any other.

    Raises
    ------
    ValueError
        When the blocks of a parameter do not cover its rows.
    """
    result = {}
    for name, variable in variables.items():
        result[name] = special.get(name) or whole(variable.shape)
        elements = sum(math.prod(block.axes) for block in result[name])
        if elements != math.prod(variable.shape):
            raise ValueError(f"blocks of {name}: {elements} elements, expected {math.prod(variable.shape)}")
    return result
