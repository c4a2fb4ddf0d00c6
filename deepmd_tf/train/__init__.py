"""Training: from a configuration and data to checkpoints.

`run` composes a run; it is the public interface, together with `callbacks`. The parts in the order of a run: `origin`
opens a trained model to begin with, `data` loads the data, `measure` and `sel` compute their statistics and compare
their neighbors with `sel`, `energies` fits energies per species, `trainer` takes the steps (`step`, `shared_step`,
`adam`, `schedule`, `validation`), and `outputs` writes the files (`lcurve`, `events`). `ranks`, `gpus` and
`interruption` handle processes and signals; `report` and `notices` write to the screen and the log.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from deepmd_tf.train.callbacks import Callback, Display, TrainingResult
    from deepmd_tf.train.interruption import Interruption
    from deepmd_tf.train.ranks import start_ranks
    from deepmd_tf.train.report import Reporter
    from deepmd_tf.train.run import Run

_HOMES = {
    "Callback": "callbacks",
    "Display": "callbacks",
    "Interruption": "interruption",
    "Reporter": "report",
    "Run": "run",
    "TrainingResult": "callbacks",
    "start_ranks": "ranks",
}
__all__ = ["Callback", "Display", "Interruption", "Reporter", "Run", "TrainingResult", "start_ranks"]


def __getattr__(name: str) -> Any:
    """Import public names on first use, so that importing this package does not import TensorFlow."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
