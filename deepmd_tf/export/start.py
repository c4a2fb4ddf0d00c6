"""Parameters of a frozen graph to begin training with."""

from __future__ import annotations

import re
from pathlib import Path

from deepmd_tf.errors import InputError
from deepmd_tf.export.facts import graph_facts
from deepmd_tf.export.graph_def import constants, read_graph_def
from deepmd_tf.transfer.start import Start

_PARAMETERS = re.compile(r"type_embed_net/|filter_type_|layer_|final_layer|descrpt_attr(_\d+)?/t_|fitting_attr/t_")


def start_from_graph(path: str | Path) -> Start:
    """Read parameters and statistics from a frozen graph of this program or DeePMD-kit, by their names.

    Raises
    ------
    InputError
        When the graph is refused, or data that training needs are missing from it.
    """
    values = constants(read_graph_def(path), path)
    facts = graph_facts(values, path)
    if not facts.sel:
        raise InputError(f"{path}: the graph lacks the constant descrpt_attr/sel, so training cannot begin from it")
    model = facts.script.get("model")
    model = dict(model) if isinstance(model, dict) else {}
    descriptor = model.get("descriptor")
    if len(facts.sel) == 1:
        model["descriptor"] = (descriptor if isinstance(descriptor, dict) else {}) | {"rcut": facts.rcut}
    return Start(
        origin=str(path),
        type_map=facts.type_map,
        sel=facts.sel,
        values={name: value for name, value in values.items() if _PARAMETERS.match(name)},
        facts={"min_nbor_dist": facts.min_distance},
        model=model,
        script=facts.script,
    )
