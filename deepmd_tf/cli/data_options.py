"""Options of commands that read data."""

from __future__ import annotations

import argparse

from deepmd_tf.errors import InputError

SYSTEMS = "directories, HDF5 files or extended XYZ files; a directory is searched for systems"
"""Help text for the values of an option that names systems."""


def system_paths(paths: list[str]) -> str | list[str]:
    """Return the argument for `load_systems`: a single path is always searched for systems."""
    return paths[0] if len(paths) == 1 else paths


def frame_count(text: str) -> int:
    """Convert the value of an option for a number of frames; 0 means all frames."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"expected a number of frames, or 0 for all, got {text!r}")
    return int(text)


def add_xyz_keys(parser: argparse.ArgumentParser) -> None:
    """Declare the option `--xyz-keys`."""
    parser.add_argument(
        "--xyz-keys",
        nargs="+",
        default=(),
        metavar="LABEL=KEY",
        help="keys of labels in extended XYZ files, for example energy=REF_energy force=REF_forces; see xyz_keys in "
        "the reference of the input file (default: the keys of ASE)",
    )


def parse_xyz_keys(pairs: list[str]):
    """Return the `XyzKeysConfig` for the values LABEL=KEY of `--xyz-keys`."""
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
