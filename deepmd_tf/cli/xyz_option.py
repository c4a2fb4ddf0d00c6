"""The option `--xyz-keys` of commands that read labeled data."""

from __future__ import annotations

import argparse

from deepmd_tf.errors import InputError


def add_xyz_keys(parser: argparse.ArgumentParser) -> None:
    """Declare the option."""
    parser.add_argument(
        "--xyz-keys",
        nargs="+",
        default=(),
        metavar="LABEL=KEY",
        help="names of labels in extended XYZ files, for instance energy=REF_energy force=REF_forces; "
        "see xyz_keys of `dp doc-train-input`",
    )


def xyz_keys(pairs: list[str]):
    """Return the `XyzKeysConfig` that LABEL=KEY arguments ask for."""
    from deepmd_tf.config.fields import keys_of
    from deepmd_tf.config.xyz_keys import XyzKeysConfig

    known = [key.name for key in keys_of(XyzKeysConfig)]
    given = {}
    for pair in pairs:
        name, equals, key = pair.partition("=")
        if name not in known or not equals:
            raise InputError(f"--xyz-keys: expected LABEL=KEY with a label of {', '.join(known)}, got {pair!r}")
        given[name] = key if key not in ("", "null") else None
    return XyzKeysConfig(**given)
