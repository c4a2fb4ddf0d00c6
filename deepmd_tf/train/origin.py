"""The trained model that a run begins with: a checkpoint or a frozen graph."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from deepmd_tf.checkpoint.stored import StoredCheckpoint
from deepmd_tf.config import Config
from deepmd_tf.config.hybrid import members_of
from deepmd_tf.errors import InputError
from deepmd_tf.export.start import start_from_graph
from deepmd_tf.statistics import ModelStatistics
from deepmd_tf.transfer.start import Start
from deepmd_tf.transfer.type_map import add_parameters, map_species


@dataclass(frozen=True)
class Origin:
    """A trained model, and the use that a run makes of it.

    Attributes
    ----------
    start : Start
        Its parameters and facts.
    continued : StoredCheckpoint, optional
        The checkpoint of the run that is continued; None in a new run.
    refit : bool
        Whether the energies of all species are fitted to the new data, not only those of new species.
    """

    start: Start
    continued: StoredCheckpoint | None = None
    refit: bool = False

    @property
    def stored_seed(self) -> int | None:
        """Seed of the run that is continued."""
        return None if self.continued is None else self.continued.config["training"]["seed"]

    @property
    def has_other_types(self) -> bool:
        """Whether species were renamed, so that parameters are incomplete until `completed`."""
        return self.start.species is not None

    def adopted_by(self, config: Config) -> tuple[Origin, Config]:
        """Return the origin with the species of `config`, and `config` with the `sel` of the model.

        Raises
        ------
        InputError
            When the input describes another function than the parameters.
        """
        start = self.start if self.continued is not None else map_species(self.start, config)
        return Origin(start, self.continued, self.refit), start.adopt(config)

    def completed(self, config: Config, statistics: ModelStatistics) -> Origin:
        """Return the origin with parameters for new species, see `transfer.type_map.add_parameters`."""
        return Origin(add_parameters(self.start, config, statistics), self.continued, self.refit)

    def types_to_fit(self, ntypes: int) -> list[int]:
        """Return the types whose energies are fitted to the data before training."""
        if self.refit:
            return list(range(ntypes))
        return [] if self.start.species is None else self.start.species.new


def open_origin(
    *,
    restart: str | Path | None = None,
    init_model: str | Path | None = None,
    init_frz_model: str | Path | None = None,
    finetune: str | Path | None = None,
) -> Origin | None:
    """Open the model that a run begins with; return None when no argument is given.

    Parameters
    ----------
    restart : str or Path, optional
        Checkpoint of the run to continue.
    init_model, init_frz_model : str or Path, optional
        Checkpoint, or frozen graph, whose parameters a new run takes.
    finetune : str or Path, optional
        Checkpoint or frozen graph whose parameters a new run takes, with energies per species fitted to the new data.

    Raises
    ------
    InputError
        When more than one is given, or the model is missing or damaged.
    """
    given = {"restart": restart, "init_model": init_model, "init_frz_model": init_frz_model, "finetune": finetune}
    given = {name: place for name, place in given.items() if place is not None}
    if len(given) > 1:
        raise InputError(f"{' and '.join(given)}: a run begins with one model, give only one of them")
    if not given:
        return None
    ((name, place),) = given.items()
    if name == "init_frz_model" or (name == "finetune" and Path(place).is_file()):
        return Origin(start_from_graph(place), refit=name == "finetune")
    stored = StoredCheckpoint(place)
    return Origin(_start_from(stored), stored if name == "restart" else None, name == "finetune")


def _start_from(stored: StoredCheckpoint) -> Start:
    """Read the parameters of a checkpoint."""
    model = stored.config["model"]
    return Start(
        origin=str(stored.path),
        type_map=tuple(model["type_map"]),
        sel=tuple(tuple(member["sel"]) for member in members_of(model)),
        values=stored.values(),
        facts=stored.data,
        model=model,
    )
