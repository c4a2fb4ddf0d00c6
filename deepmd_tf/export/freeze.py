"""`dp freeze`: from a checkpoint to a graph file."""

from __future__ import annotations

from pathlib import Path

from deepmd_tf.checkpoint.stored import StoredCheckpoint
from deepmd_tf.config import parse_config
from deepmd_tf.errors import InputError
from deepmd_tf.export.native import native_graph
from deepmd_tf.export.portable import portable_graph
from deepmd_tf.files import atomic_write


def freeze(checkpoint: str | Path, output: str | Path, *, portable: bool = False) -> StoredCheckpoint:
    """Write the model of a checkpoint as a frozen graph.

    Parameters
    ----------
    checkpoint : str or Path
        A checkpoint, a prefix, or a directory of checkpoints (the latest).
    output : str or Path
        The ``.pb`` file.
    portable : bool
        Whether to write only operations that DeePMD-kit knows too, instead of the faster native ones.

    Returns
    -------
    StoredCheckpoint
        What was frozen.

    Raises
    ------
    InputError
        When the checkpoint cannot be read or the output not written.
    """
    output = Path(output)
    if not output.parent.is_dir():
        raise InputError(f"{output}: the directory {output.parent} does not exist")
    stored = StoredCheckpoint(checkpoint)
    write = portable_graph if portable else native_graph
    graph = write(parse_config(stored.config), stored.values(), stored.data["min_nbor_dist"])
    atomic_write(output, graph.SerializeToString(deterministic=True))
    return stored
