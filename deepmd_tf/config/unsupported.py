"""Keys of DeePMD-kit's format that are not supported yet.

Each is listed with the values that have no effect. An input with one of these values is accepted; any other value is an
error that names the key.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

ANYTHING = object()

_DATA = {
    "rglob_patterns": (None,),
    "min_pair_dist": (0,),
    "set_prefix": ("set",),
}

_MODEL = {
    "type": ("standard",),
    "data_bias_nsample": ANYTHING,
    "use_srtab": (None, ""),
    "smin_alpha": (None,),
    "sw_rmin": (None,),
    "sw_rmax": (None,),
    "srtab_add_bias": (True, False),
    "pair_exclude_types": ([], None),
    "atom_exclude_types": ([], None),
    "preset_out_bias": (None,),
    "modifier": (None, {}),
    "compress": (None, {}),
    "spin": (None, {}),
    "finetune_head": (None,),
    "model_branch_alias": ([], None),
    "info": ANYTHING,
    "bridging_method": (None, "None", "none"),
    "bridging_r_inner": ANYTHING,
    "bridging_r_outer": ANYTHING,
    "models": (),
    "weights": (),
    "model_file": (),
    "tab_file": (),
    "rcut": (),
    "sel": (),
    "qm_model": (),
    "qmmm_model": (),
    "model_dict": (),
    "shared_dict": (None, {}),
    "fitting_net_dict": (),
    "use_compile": (False,),
    "enable_tf32": (False,),
    "lora": (None, {}),
}

_DESCRIPTOR = {
    "env_protection": (0,),
    "tebd_dim": (),
    "tebd_input_mode": ("concat",),
    "concat_output_tebd": (True,),
    "smooth": (True,),
}

_FITTING = {
    "default_fparam": (None,),
    "dim_case_embd": (0,),
    "layer_name": (None, []),
    "use_aparam_as_mask": (False,),
}

_LOSS = {
    **{f"{end}_pref_{term}": (0,) for end in ("start", "limit") for term in ("h", "ae", "pf", "gf")},
    "use_default_pf": (False,),
    "relative_f": (None,),
    "enable_atom_ener_coeff": (False,),
    "numb_generalized_coord": (0,),
    "use_huber": (False,),
    "huber_delta": ANYTHING,
    "loss_func": ("mse",),
    "f_use_norm": (False,),
    "intensive_ener_virial": (False,),
}

_TRAINING = {
    "stat_file_mode": ("update",),
    "mixed_precision": (None, {}),
    "save_dir": (None,),
    "ckpt_keep_ratio": (None,),
    "enable_ema": (False,),
    "ema_decay": ANYTHING,
    "ema_ckpt_keep": ANYTHING,
    "change_bias_after_training": (False,),
    "disp_training": (True,),
    "disp_avg": (True, False),
    "profiling": (False,),
    "profiling_file": ANYTHING,
    "enable_profiler": (False,),
    "acc_freq": (1,),
    "zero_stage": (0,),
    "neighbor_graph_method": ("auto",),
    "enable_compile": (False,),
    "enable_tf32": (False,),
    "opt_type": ("Adam",),
    "data_dict": (),
    "num_epoch_dict": (),
    "model_prob": (),
    "systems": (),
    "batch_size": (),
    "set_prefix": ("set",),
    "auto_prob": ("prob_sys_size",),
    "sys_probs": (None,),
    "numb_test": ANYTHING,
}

_ROOT = {
    "validating": (None, {}, {"full_validation": False}),
    "nvnmd": (None, {}, {"enable": False}),
    "learning_rate_dict": (),
    "loss_dict": (),
    "fitting_net_dict": (),
}

_TABLES: dict[str, dict[str, Any]] = {
    "": _ROOT,
    "model": _MODEL,
    "model.descriptor": _DESCRIPTOR,
    "model.fitting_net": _FITTING,
    "optimizer": {"weight_decay": (0,)},
    "loss": _LOSS,
    "training": _TRAINING,
    "training.training_data": _DATA,
    "training.validation_data": _DATA,
}

_HINTS = {
    "training.systems": "move it to training.training_data.systems",
    "training.batch_size": "move it to training.training_data.batch_size",
    "model.descriptor.tebd_dim": "give model.type_embedding.neuron, whose last entry it is",
}


_MEMBER = re.compile(r"(model\.descriptor)\.list(\[\d+\])?")
"""Members of a hybrid descriptor have the keys of a descriptor."""


def _table(section: str) -> dict[str, Any]:
    return _TABLES.get(_MEMBER.sub(r"\1", section), {})


def is_known(section: str, key: str) -> bool:
    """Return whether `key` in `section` (a dotted path) is a key of the format that is not supported yet."""
    return key in _table(section)


def harmless_values(section: str) -> dict[str, list[Any] | None]:
    """Return the unsupported keys of `section` with their accepted values; None accepts any value."""
    return {key: None if values is ANYTHING else list(values) for key, values in _table(section).items()}


def entries() -> Iterator[tuple[str, str, list[Any] | None]]:
    """Yield section, key and accepted values (None: any) of each unsupported key."""
    for section in _TABLES:
        for key, values in harmless_values(section).items():
            yield section, key, values


def problem(section: str, key: str, value: Any) -> str | None:
    """Return the message for an unsupported key, or None if its value has no effect."""
    harmless = _table(section)[key]
    if harmless is ANYTHING or any(_same(value, accepted) for accepted in harmless):
        return None
    path = f"{section}.{key}".lstrip(".")
    message = "not supported yet"
    accepted = [entry for entry in harmless if entry not in (None, "") and not isinstance(entry, (dict, list))]
    if path in _HINTS:
        message += f"; {_HINTS[path]}"
    elif accepted:
        message += f" (accepted: {' or '.join(_written(entry) for entry in accepted)}); remove the key"
    else:
        message += "; remove the key"
    return message


def _same(value: Any, accepted: Any) -> bool:
    return value == accepted and isinstance(value, bool) == isinstance(accepted, bool)


def _written(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
