"""Parameters that a run begins with, when it does not begin from chance."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from deepmd_tf.config import Config, config_to_dict
from deepmd_tf.errors import InputError

_FUNCTION_KEYS = {
    "type_embedding": ("activation_function", "resnet_dt", "use_econf_tebd", "use_tebd_bias"),
    "descriptor": (
        "rcut",
        "rcut_smth",
        "activation_function",
        "resnet_dt",
        "type_one_side",
        "axis_neuron",
        "exclude_types",
    ),
    "fitting_net": ("activation_function", "resnet_dt", "atom_ener", "numb_fparam", "numb_aparam"),
}
"""Keys that make the same parameters another function."""


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
    model : dict
        What is known of its section ``model``, as in an input file.
    script : dict
        The whole input file it was trained with, where it is known.
    """

    origin: str
    type_map: tuple[str, ...]
    sel: tuple[int, ...]
    values: dict[str, np.ndarray]
    facts: dict
    model: dict
    script: dict = dataclasses.field(default_factory=dict)

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
            When species, `sel` or another key differs that makes the same parameters another function.
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
        self._check_function(config)
        return dataclasses.replace(config, model=dataclasses.replace(config.model, descriptor=descriptor))

    def _check_function(self, config: Config) -> None:
        wanted = config_to_dict(config)["model"]
        self._check_sharing(wanted)
        for section, keys in _FUNCTION_KEYS.items():
            stored = self.model.get(section)
            for key in keys if isinstance(stored, dict) and wanted[section] else ():
                if key in stored and stored[key] != wanted[section][key]:
                    raise InputError(
                        f"model.{section}.{key}: {wanted[section][key]} is not that of {self.origin}, "
                        f"{stored[key]}; its "
                        "parameters would be those of another function. Use its value, or train from the beginning"
                    )

    def _check_sharing(self, wanted: dict) -> None:
        """Raise `InputError` when only one of the two has a type embedding."""
        has = any(name.startswith("type_embed_net/") for name in self.values)
        if has != (wanted["type_embedding"] is not None):
            raise InputError(
                f"model.type_embedding: {self.origin} has {'one' if has else 'none'}; "
                f"{'give' if has else 'remove'} the section, or train from the beginning"
            )
