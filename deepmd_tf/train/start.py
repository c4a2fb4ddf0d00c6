"""Parameters that a run begins with, when it does not begin from chance."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from deepmd_tf.config import Config
from deepmd_tf.errors import InputError


@dataclass(frozen=True)
class Start:
    """Parameters of a checkpoint or a frozen graph.

    Attributes
    ----------
    origin : str
        The file, for messages.
    type_map : tuple of str
        Its species.
    sel : tuple of int
        Its slots per neighbour type.
    values : dict of ndarray
        All parameters and statistics by name.
    facts : dict
        What the frozen graph will carry on about the data.
    """

    origin: str
    type_map: tuple[str, ...]
    sel: tuple[int, ...]
    values: dict[str, np.ndarray]
    facts: dict

    def check_used(self, names: Collection[str]) -> None:
        """Raise `InputError` when there are more weights than a model with the parameters `names` takes."""
        weights = ("matrix", "bias", "idt")
        extra = sorted(n for n in self.values if n.rpartition("/")[2].startswith(weights) and n not in names)
        if extra:
            raise InputError(
                f"model: {self.origin} has parameters that the networks of the input file do not take: "
                f"{', '.join(extra)}; the input must describe the same networks"
            )

    def adopt(self, config: Config) -> Config:
        """Fit a configuration to these parameters: ``sel: "auto"`` becomes theirs.

        Raises
        ------
        InputError
            When species or `sel` differ: parameters would be taken for the wrong species, or normalise differently.
        """
        if tuple(config.model.type_map) != self.type_map:
            raise InputError(
                f"model.type_map: {list(config.model.type_map)} is not the type map of {self.origin}, "
                f"{list(self.type_map)}"
            )
        descriptor = config.model.descriptor
        if isinstance(descriptor.sel, str):
            descriptor = dataclasses.replace(descriptor, sel=self.sel)
        elif tuple(descriptor.sel) != self.sel:
            raise InputError(
                f"model.descriptor.sel: {list(descriptor.sel)} is not the sel of {self.origin}, "
                f"{list(self.sel)}; use that, or auto"
            )
        return dataclasses.replace(config, model=dataclasses.replace(config.model, descriptor=descriptor))
