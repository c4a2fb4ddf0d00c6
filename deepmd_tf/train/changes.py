"""Changes of input and data between a checkpoint and the run that continues it, which the log reports."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

from deepmd_tf.checkpoint.stored import StoredCheckpoint
from deepmd_tf.config import Config, config_to_dict, parse_config
from deepmd_tf.errors import InputError
from deepmd_tf.train.data import batches_per_step
from deepmd_tf.train.schedule import make_schedule

log = logging.getLogger("deepmd_tf")


def report_changes(checkpoint: StoredCheckpoint, config: Config, facts: dict) -> None:
    """Log the keys of the input, the data and the number of ranks that differ from those of a checkpoint.

    Parameters
    ----------
    checkpoint : StoredCheckpoint
        Checkpoint that the run continues.
    config : Config
        Configuration of the run.
    facts : dict
        Number of ranks and summary of the training data, as in the metadata of a checkpoint.

    Raises
    ------
    InputError
        If the metadata are invalid.
    """
    found = list(_changed(checkpoint.config, config_to_dict(config), ""))
    for each in found:
        log.warning("restart: %s was %s, is %s", *each)
    stored, now = checkpoint.metadata, facts["training_data"]
    ranks, data = stored.get("ranks", facts["ranks"]), stored.get("training_data", now)
    if not isinstance(ranks, int) or ranks < 1:
        raise InputError(f"{checkpoint.path}: its ranks, {str(ranks)[:80]!r}, are not what a run writes")
    if ranks != facts["ranks"]:
        log.warning("restart: the run was on %s ranks, is on %d", ranks, facts["ranks"])
    if isinstance(data, dict) and (other := [key for key in now if data.get(key, now[key]) != now[key]]):
        log.warning(
            "restart: the training data were %s systems with %s frames, are %d with %d%s; frames are drawn "
            "from these from now on",
            data.get("systems"),
            data.get("frames"),
            now["systems"],
            now["frames"],
            {"sizes": " of other sizes", "content": " of other content"}.get(other[0], ""),
        )
    _report_rate(checkpoint, config, ranks, facts["ranks"])


def _report_rate(checkpoint: StoredCheckpoint, config: Config, *ranks: int) -> None:
    """Log a jump of the learning rate; `ranks` are the numbers of ranks before and now."""
    try:
        before = parse_config(checkpoint.config)
    except InputError:  # written by another version
        return
    rates = [
        make_schedule(each.learning_rate, each.training.numb_steps, batches_per_step(each, size))(checkpoint.step)
        for each, size in zip((before, config), ranks, strict=True)
    ]
    if rates[0] != rates[1]:
        log.warning("restart: the learning rate at step %d was %.3e, is %.3e", checkpoint.step, *rates)


def _changed(before: Any, now: Any, path: str) -> Iterator[tuple[str, Any, Any]]:
    """Yield path, old and new value of each difference; keys that only one of the two has are ignored."""
    if isinstance(before, dict) and isinstance(now, dict):
        for key, value in now.items():
            if key in before:
                yield from _changed(before[key], value, f"{path}.{key}".lstrip("."))
    elif before != now:
        yield path, before, now
