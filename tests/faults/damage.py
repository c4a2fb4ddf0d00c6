"""Files of every kind, cut short or with a bit flipped."""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path

from ..mixed import make_frames, write_hdf5, write_mixed
from ..runs import INPUT, contents, dp, write_data, write_input
from .interruptions import EVERY_STEP, LAST
from .outcomes import Section, answered, inside, message, row, run

FLIPS = 12
_DATA = ("neighbor-stat", "-r", "4", "-t", "O", "H", "-s")
_SET = "data_0/set.000"
KINDS: dict[str, tuple[str, ...]] = {
    **{f"{_SET}/{name}.npy": (*_DATA, "data_0") for name in ("coord", "box", "energy", "force", "virial")},
    "data_0/type.raw": (*_DATA, "data_0"),
    "data_0/type_map.raw": (*_DATA, "data_0"),
    **{
        f"mixed/set.000/{name}.npy": ("train", "parameters.json", "--check-data")
        for name in ("real_atom_types", "fparam", "aparam")
    },
    "data.hdf5": (*_DATA, "data.hdf5"),
    "data.xyz": (*_DATA, "data.xyz"),
    "input.json": ("train", "input.json", "--check-data"),
    "input.yaml": ("train", "input.yaml", "--check-data"),
    "graph.pb": ("show", "graph.pb"),
    "portable.pb": ("show", "portable.pb"),
    "model.ckpt-4/state.index": ("freeze", "-c", "model.ckpt-4", "-o", "again.pb"),
    "model.ckpt-4/state.data-00000-of-00001": ("freeze", "-c", "model.ckpt-4", "-o", "again.pb"),
    "model.ckpt-4/config.json": ("freeze", "-c", "model.ckpt-4", "-o", "again.pb"),
    "model.ckpt-4/manifest.json": ("freeze", "-c", "model.ckpt-4", "-o", "again.pb"),
    "checkpoint": ("freeze", "-c", ".", "-o", "again.pb"),
    "lcurve.out": ("plot-lcurve", "lcurve.out", "-o", "again.png"),
    "statistics.json": ("train", "again.json"),
}
"""A command that reads each file."""

_OUTPUTS = ("again.pb", "again.png", "out.json")
_RUN = "again"
"""Directory of what a run writes that reads a file of statistics."""
_STATISTICS = {
    "training.stat_file": "statistics.json",
    "training.numb_steps": 1,
    "training.disp_file": f"{_RUN}/lcurve.out",
    "training.save_ckpt": f"{_RUN}/model.ckpt",
}
_PARAMETERS = {
    "model.fitting_net.numb_fparam": 2,
    "model.fitting_net.numb_aparam": 2,
    "training.training_data.systems": ["mixed"],
    "training.validation_data": ...,
}


def _prepare(place: Path) -> None:
    import yaml

    place.mkdir(parents=True)
    with inside(place):
        write_data(place)
        write_input(place, EVERY_STEP)
        write_input(place, _STATISTICS, "again.json")
        write_input(place, _PARAMETERS, "parameters.json")
        write_mixed(place / "mixed", make_frames())
        Path("input.yaml").write_text(yaml.safe_dump(INPUT))
        Path(_RUN).mkdir()
        for command in (
            ("train", "again.json"),
            ("train", "parameters.json", "--check-data"),
            ("train", "input.json"),
            ("freeze", "-c", "model.ckpt", "-o", "graph.pb"),
            ("freeze", "-c", "model.ckpt", "--portable", "-o", "portable.pb"),
        ):
            result = dp(*command)
            assert result.status == 0, result.err
        write_hdf5(place / "data.hdf5", {"water": "data_0"})
        frame = 'Properties=species:S:1:pos:R:3 Lattice="7 0 0 0 7 0 0 0 7" energy=-1.5 pbc="T T T"\nO 0 0 0\nH 1 0 0\n'
        Path("data.xyz").write_text(f"2\n{frame}2\n{frame}")


def _damaged(content: bytes, chance: random.Random) -> list[tuple[str, bytes]]:
    """Cut at four places, and flip bits one at a time."""
    cuts = sorted({0, 1, len(content) // 2, len(content) - 1})
    cases = [(f"cut after {size} bytes", content[:size]) for size in cuts]
    for _ in range(FLIPS):
        place, bit = chance.randrange(len(content)), chance.randrange(8)
        changed = bytearray(content)
        changed[place] ^= 1 << bit
        cases.append((f"bit {bit} of byte {place} flipped", bytes(changed)))
    return cases


def _others(files: dict[str, bytes]) -> dict[str, bytes]:
    """What no command may change: all but its outputs."""
    return {name: data for name, data in files.items() if name not in _OUTPUTS and not name.startswith(f"{_RUN}/")}


def _must_be_refused(path: Path, content: bytes, damaged: bytes) -> bool:
    """Whether a file is of a checkpoint and holds something else now; the 17th digit of a number may mean nothing."""
    if path.parent.name != LAST:
        return False
    try:
        return json.loads(content) != json.loads(damaged)
    except ValueError:
        return True


def files(place: Path) -> Section:
    """Damage each file in turn and run a command that reads it."""
    section = Section("files cut short or with a bit flipped")
    section.header("file", "command", "cases", "refused", "accepted", "a message")
    _prepare(place)
    chance = random.Random(1)
    with inside(place):
        for name, arguments in KINDS.items():
            path = Path(name)
            content = path.read_bytes()
            refused, accepted, shown = 0, 0, ""
            for what, damaged in _damaged(content, chance):
                path.write_bytes(damaged)
                before = contents(Path())
                result = run(*arguments)
                same = _others(contents(Path())) == _others(before)
                good = same and answered(result, 2 if result.status or _must_be_refused(path, content, damaged) else 0)
                section.count(f"{name}: {what}: {result.err[-300:]}", good)
                refused += result.status == 2
                accepted += result.status == 0
                shown = shown or (message(result, place) if result.status == 2 else "")
                path.write_bytes(content)
                for output in _OUTPUTS:
                    Path(output).unlink(missing_ok=True)
            command = " ".join(arguments)
            section.table.append(row([name, f"`dp {command}`", refused + accepted, refused, accepted, shown]))
    shutil.rmtree(place)
    section.summary = (
        f"{section.cases} damaged files; no other file changed. Accepted are those that still mean something: another "
        "digit of a coordinate, another letter of a comment. Checkpoints are under checksums, and no change of "
        "what they hold is accepted; data in the format of the field have none."
    )
    return section
