"""Initial parameters of a run that come from a trained model."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from deepmd_tf.config import Config, config_to_dict
from deepmd_tf.config.hybrid import members_of
from deepmd_tf.errors import InputError
from deepmd_tf.transfer.species import Species

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
"""Keys that change the function that the parameters describe."""


@dataclass(frozen=True)
class Start:
    """Parameters of a checkpoint or a frozen graph.

    Attributes
    ----------
    origin : str
        Path of the file, for messages.
    type_map : tuple of str
        Species of the model.
    sel : tuple of tuple of int
        Slots per neighbor type, for each member of the descriptor.
    values : dict of ndarray
        All parameters and statistics by name.
    facts : dict
        Information about the training data that a frozen graph stores.
    model : dict
        Known keys of the section ``model``, as in an input file.
    script : dict
        Complete input file of the trained model, if known.
    species : Species, optional
        Mapping of the species of `type_map` to those of `original`, set by `transfer.type_map.map_species`.
    original : Start, optional
        Start before its species were mapped.
    fresh : tuple of str
        Names of the parameters that `transfer.type_map.add_parameters` initialized at random.
    """

    origin: str
    type_map: tuple[str, ...]
    sel: tuple[tuple[int, ...], ...]
    values: dict[str, np.ndarray]
    facts: dict
    model: dict
    script: dict = dataclasses.field(default_factory=dict)
    species: Species | None = None
    original: Start | None = None
    fresh: tuple[str, ...] = ()

    def check_used(self, names: Collection[str]) -> None:
        """Raise `InputError` if there are weights that a model with the parameters `names` does not use."""
        weights = ("matrix", "bias", "idt")
        extra = sorted(n for n in self.values if n.rpartition("/")[2].startswith(weights) and n not in names)
        if extra:
            raise InputError(
                f"model: {self.origin} has parameters that the networks of the input file do not use: "
                f"{', '.join(extra)}; the input must describe the same networks"
            )

    def adopt(self, config: Config) -> Config:
        """Return a configuration with the `sel` of these parameters in place of ``sel: "auto"``.

        Raises
        ------
        InputError
            If species, `sel`, or another key that changes the function of the parameters differs.
        """
        if tuple(config.model.type_map) != self.type_map:
            raise InputError(
                f"model.type_map: {list(config.model.type_map)} differs from the type map of {self.origin}, "
                f"{list(self.type_map)}"
            )
        descriptor = config.model.descriptor
        if len(descriptor.members) != len(self.sel):
            raise InputError(
                f"model.descriptor: {len(descriptor.members)} descriptors, but {self.origin} has {len(self.sel)}"
            )
        members = []
        for k, (member, sel) in enumerate(zip(descriptor.members, self.sel, strict=True)):
            if not isinstance(member.sel, str) and tuple(member.sel) != sel:
                raise InputError(
                    f"{descriptor.place_of(k)}.sel: {list(member.sel)} differs from the sel of {self.origin}, "
                    f"{list(sel)}; use the latter, or auto"
                )
            members.append(dataclasses.replace(member, sel=sel))
        descriptor = descriptor.with_members(tuple(members))
        self._check_function(config)
        return dataclasses.replace(config, model=dataclasses.replace(config.model, descriptor=descriptor))

    def _check_function(self, config: Config) -> None:
        """Raise `InputError` if a key that changes the function of the parameters differs."""
        wanted = config_to_dict(config)["model"]
        self._check_sharing(wanted)
        pairs = [("type_embedding", "model.type_embedding", self.model.get("type_embedding"), wanted["type_embedding"])]
        pairs.append(("fitting_net", "model.fitting_net", self.model.get("fitting_net"), wanted["fitting_net"]))
        for k, (stored, member) in enumerate(zip(members_of(self.model), members_of(wanted), strict=True)):
            pairs.append(("descriptor", config.model.descriptor.place_of(k), stored, member))
        for kind, place, stored, section in pairs:
            for key in _FUNCTION_KEYS[kind] if isinstance(stored, dict) and section else ():
                if key in stored and key in section and stored[key] != section[key]:
                    raise InputError(
                        f"{place}.{key}: {section[key]} differs from that of {self.origin}, {stored[key]}. The "
                        "parameters would describe another function; use the latter value, or train from the beginning"
                    )

    def _check_sharing(self, wanted: dict) -> None:
        """Raise `InputError` if only one of the two models has a type embedding."""
        has = any(name.startswith("type_embed_net/") for name in self.values)
        if has != (wanted["type_embedding"] is not None):
            raise InputError(
                f"model.type_embedding: {self.origin} has {'one' if has else 'none'}; "
                f"{'give' if has else 'remove'} the section, or train from the beginning"
            )
