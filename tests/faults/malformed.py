"""Malformed inputs: those that the tests hold, all in one table."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from ..cli import test_malformed_data as data
from ..cli import test_malformed_files as files
from ..cli import test_malformed_input as keys
from ..config import test_malformed as values
from ..runs import changed, contents, dp, write_data, write_input
from .outcomes import Section, answered, inside, message, run

_TRAIN = ("train", "input.json")


def _water() -> dict:
    return json.loads((Path(values.__file__).parent / "water.json").read_text())


def _cases() -> Iterator[tuple[str, Callable[[], object], tuple[str, ...]]]:
    """Name, what to do first, and the command."""
    here = Path()
    for name, (damage, _) in data.DATA.items():
        yield f"data: {name}", damage, _TRAIN
    for name, (systems, _) in data.SYSTEMS.items():
        yield (
            f"systems: {name}",
            lambda s=systems: (Path("empty").mkdir(), write_input(here, {"training.training_data.systems": s})),
            _TRAIN,
        )
    for name, (path, text, _) in keys.TEXTS.items():
        yield f"input: {name}", lambda p=path, t=text: Path(p).write_bytes(t), ("train", path)
    for name, (changes, _) in keys.KEYS.items():
        yield f"input: {name}", lambda c=changes: write_input(here, c), _TRAIN
    for name, (path, text, _) in values.FILES.items():
        yield f"input file: {name}", lambda p=path, t=text: Path(p).write_text(t), ("train", path)
    for name, (path, value, _) in values.VALUES.items():
        yield f"key: {name}", lambda p=path, v=value: _write_water({p: v}), _TRAIN
    for name, (path, value) in values.LATER.items():
        yield f"not supported: {name}", lambda p=path, v=value: _write_water({p: v}), _TRAIN
    for path in values.MISSING:
        yield f"missing: {path}", lambda p=path: _write_water({p: ...}), _TRAIN
    for name, (make, _) in files.GRAPHS.items():
        for command, arguments in files.COMMANDS.items():
            yield f"graph for {command}: {name}", lambda m=make: _write_graph(m), tuple(arguments("bad.pb"))
    for name, (changes, _) in files.UNWRITABLE.items():
        yield f"output: {name}", lambda c=changes: write_input(here, c), _TRAIN
    for name, (content, _) in files.LCURVES.items():
        if content is not None:
            yield f"lcurve: {name}", lambda c=content: Path("bad.out").write_bytes(c), ("plot-lcurve", "bad.out")
    for name, (arguments, _) in files.OPTIONS.items():
        yield f"options: {name}", lambda: None, tuple(arguments)


def _write_water(changes: dict) -> None:
    Path("input.json").write_text(json.dumps(changed(_water(), changes)))


def _write_graph(make: Callable[[bytes], bytes]) -> None:
    Path("bad.pb").write_bytes(make(Path("graph.pb").read_bytes()))


def inputs(place: Path) -> Section:
    """Try every malformed input of the tests through the command line."""
    section = Section("malformed inputs")
    section.header("input", "status", "message")
    whole = place / "whole"
    whole.mkdir(parents=True)
    with inside(whole):
        write_data(whole)
        write_input(whole)
        for command in (_TRAIN, ("freeze", "-c", "model.ckpt", "-o", "graph.pb")):
            result = dp(*command)
            assert result.status == 0, result.err
    for name, damage, arguments in _cases():
        here = place / "case"
        shutil.copytree(whole, here)
        with inside(here):
            damage()
            before = contents(here)
            result = run(*arguments)
            kept = contents(here) == before
            section.case(name, answered(result) and kept and not result.out, result.status, message(result, here))
        shutil.rmtree(here)
    section.summary = (
        f"{section.cases} inputs, each answered in one message with status 2; nothing was written or changed. The same "
        "inputs are in the tests, which also look for what the messages must say."
    )
    return section
