"""Output and files of the commands other than `dp train`."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import yaml
from ase import Atoms
from ase.io import write

from deepmd_tf import DeepPot
from deepmd_tf.checkpoint.stored import StoredCheckpoint
from deepmd_tf.data import load_system
from deepmd_tf.export.graph_def import read_graph_def
from deepmd_tf.infer.model_devi import calc_model_devi, format_model_devi
from deepmd_tf.statistics import survey

from ..runs import INPUT, dp, write_system

PNG = b"\x89PNG\r\n\x1a\n"
UNITS = {"energy": "eV", "energy/atom": "eV", "force": "eV/Å", "virial": "eV", "virial/atom": "eV"}


def run(*arguments):
    result = dp(*arguments)
    assert result.status == 0, result.err
    assert result.err == ""
    return result.out


def labels_and_predictions(system, nframes=None):
    """Return label and prediction of every quantity, one row per frame, from the files and from `DeepPot`."""
    frames = load_system(system, ["O", "H"]).frames(slice(0, nframes))
    energy, force, virial = DeepPot("graph.pb").eval(frames.coord, frames.box, frames.type[0])
    predicted = {"energy": energy, "force": force, "virial": virial}
    pairs = {}
    for name, values in predicted.items():
        label = getattr(frames, name)
        if label is not None:
            pairs[name] = [array.reshape(frames.nframes, -1) for array in (label, values)]
            if name != "force":
                pairs[f"{name}_per_atom"] = [array / frames.natoms for array in pairs[name]]
    return pairs


def errors_of(pairs):
    differences = {name: np.subtract(*pair).ravel() for name, pair in pairs.items()}
    return {name: {"mae": np.abs(d).mean(), "rmse": np.sqrt((d**2).mean())} for name, d in differences.items()}


class TestTest:
    def test_json_has_the_errors_of_each_system_and_of_all(self, finished):
        found = json.loads(run("test", "-s", "data_0", "data_1", "--json"))
        pairs = {system: labels_and_predictions(system) for system in ("data_0", "data_1")}
        for system, nframes in {"data_0": 4, "data_1": 3}.items():
            assert found["systems"][system].pop("nframes") == nframes
            assert found["systems"][system] == {n: pytest.approx(e) for n, e in errors_of(pairs[system]).items()}
        assert found["total"].pop("nframes") == 7
        both = {n: [np.concatenate([pairs[s][n][k].ravel() for s in pairs]) for k in (0, 1)] for n in pairs["data_0"]}
        assert found["total"] == {n: pytest.approx(e) for n, e in errors_of(both).items()}

    def test_number_of_frames(self, finished):
        found = json.loads(run("test", "-s", "data_0", "-n", "2", "--json"))["total"]
        assert found.pop("nframes") == 2
        assert found == {n: pytest.approx(e) for n, e in errors_of(labels_and_predictions("data_0", 2)).items()}

    def test_keys_of_xyz_files(self, finished):
        frames, images = load_system("data_0", ["O", "H"]).frames(), []
        for frame in range(frames.nframes):
            image = Atoms(
                np.array(["O", "H"])[frames.type[frame]], frames.coord[frame], cell=frames.box[frame], pbc=True
            )
            image.info["E"], image.arrays["F"] = frames.energy[frame], frames.force[frame]
            images.append(image)
        write(finished / "data.xyz", images, format="extxyz")
        result = dp("test", "-s", "data.xyz", "--json", "--xyz-keys", "energy=E", "force=F")
        assert result.status == 0 and "energy of 4 of 4 frames, key 'E'" in result.err
        found = json.loads(result.out)["total"]
        expected = json.loads(run("test", "-s", "data_0", "--json"))["total"]
        assert found == {name: pytest.approx(expected[name], rel=1e-5) for name in found}
        assert set(expected) - set(found) == {"virial", "virial_per_atom"}
        for pair, words in {
            "energy=G": "xyz_keys.energy: no frame has 'G'",
            "energies=E": "expected LABEL=KEY",
        }.items():
            result = dp("test", "-s", "data.xyz", "--xyz-keys", pair)
            assert result.status == 2 and words in result.message
        result = dp("test", "-s", "data.xyz")
        assert result.status == 2
        assert "no energy (key 'energy'), force (key 'forces') or virial (key 'virial' or 'stress')" in result.message

    def test_tables(self, finished):
        text = run("test", "-m", "graph.pb", "-s", "data_0", "data_1")
        assert "data_0: 4 frames of 4 atoms" in text
        assert "data_1: 3 frames of 3 atoms" in text
        assert "all 2 systems" in text
        for name, error in errors_of(labels_and_predictions("data_0")).items():
            title = name.replace("_per_", "/")
            row = next(line for line in text.splitlines() if line.split("│")[1:2] == [f" {title:<11} "])
            assert [cell.strip() for cell in row.split("│")[2:5]] == [
                f"{error['mae']:.4e}",
                f"{error['rmse']:.4e}",
                UNITS[title],
            ]

    def test_labels_that_are_absent_are_left_out(self, finished):
        write_system(finished / "bare", labels=("energy",), periodic=False)
        assert set(json.loads(run("test", "-s", "bare", "--json"))["total"]) == {"nframes", "energy", "energy_per_atom"}

    def test_a_directory_is_searched(self, finished):
        systems = json.loads(run("test", "-s", ".", "--json"))["systems"]
        assert len(systems) == 3

    def test_detail_files_hold_labels_and_predictions(self, finished):
        run("test", "-s", "data_0", "data_1", "-d", "detail")
        suffixes = {
            "energy": "e",
            "energy_per_atom": "e_peratom",
            "force": "f",
            "virial": "v",
            "virial_per_atom": "v_peratom",
        }
        widths = {"e": 1, "e_peratom": 1, "f": 3, "v": 9, "v_peratom": 9}
        pairs = [labels_and_predictions(system) for system in ("data_0", "data_1")]
        for name, suffix in suffixes.items():
            width = widths[suffix]
            expected = np.vstack([np.hstack([part.reshape(-1, width) for part in pair[name]]) for pair in pairs])
            np.testing.assert_allclose(np.loadtxt(f"detail.{suffix}.out", ndmin=2), expected, rtol=1e-13, atol=1e-16)
        header = (finished / "detail.f.out").read_text().splitlines()[0]
        assert header == "# data_0: data_fx data_fy data_fz pred_fx pred_fy pred_fz"

    def test_plot(self, finished):
        text = run("test", "-s", "data_0", "--plot", "parity.png")
        assert "parity plot: parity.png" in text
        assert (finished / "parity.png").read_bytes().startswith(PNG)


@pytest.fixture(scope="module")
def older(trained, tmp_path_factory):
    graph = tmp_path_factory.mktemp("older") / "older.pb"
    assert dp("freeze", "-c", trained / "model.ckpt-2", "-o", graph).status == 0
    return graph


class TestModelDevi:
    GRAPHS = ("graph.pb", "older.pb")

    @pytest.fixture(autouse=True)
    def graphs(self, finished, older):
        shutil.copy(older, finished)

    def expected(self, system, real=False, **options):
        frames = load_system(system, ["O", "H"]).frames()
        data = {name: getattr(frames, name) for name in ("energy", "force", "virial")} if real else None
        models = [DeepPot(graph) for graph in self.GRAPHS]
        return calc_model_devi(frames.coord, frames.box, frames.type[0], models, real_data=data, **options)

    def run(self, *arguments):
        result = dp("model-devi", "-m", *self.GRAPHS, *arguments)
        assert result.status == 0, result.err
        assert result.out == ""
        return result.err

    def test_file(self, finished):
        log = self.run("-s", "data_0")
        table = self.expected("data_0")
        assert (finished / "model_devi.out").read_text() == format_model_devi(table, "data_0")
        assert f"data_0: 4 frames, force deviation: mean {table[:, 6].mean():.4g}" in log
        assert f"largest {table[:, 4].max():.4g} eV/Å at step {table[:, 4].argmax()}" in log

    def test_options(self, finished):
        self.run(*"-s data_0 -o devi.out -f 5 --real_error --atomic --relative 0.5 --relative_v 0.1".split())
        table = self.expected("data_0", real=True, frequency=5, atomic=True, relative=0.5, relative_v=0.1)
        assert (finished / "devi.out").read_text() == format_model_devi(table, "data_0")

    def test_a_directory_is_searched(self, finished):
        self.run("-s", ".")
        texts = [format_model_devi(self.expected(f"data_{k}"), f"./data_{k}") for k in range(3)]
        assert (finished / "model_devi.out").read_text() == "".join(texts)

    def test_frames_are_read_some_at_a_time(self, finished, monkeypatch):
        monkeypatch.setattr("deepmd_tf.data.system.ATOMS_AT_ONCE", 9)
        self.run("-s", "data_2", "-f", "3")
        table = self.expected("data_2", frequency=3)
        np.testing.assert_allclose(np.loadtxt(finished / "model_devi.out"), table, rtol=2e-6)

    def test_absent_labels_are_reported(self, finished):
        write_system(finished / "bare", labels=("energy", "force"))
        log = self.run("-s", "bare", "--real_error")
        assert "bare: no virial.npy to compare with; the columns are nan" in log
        assert np.isnan(np.loadtxt(finished / "model_devi.out")[:, 1:4]).all()


class TestFreeze:
    @pytest.mark.parametrize("arguments", [[], ["-c", "model.ckpt"], ["-c", "model.ckpt-6"], ["-c", "."]])
    def test_the_latest_is_taken(self, trained, finished, arguments):
        result = dp("freeze", "-o", "again.pb", *arguments)
        assert result.status == 0, result.err
        assert "model.ckpt-6: step 6 frozen to again.pb" in result.err
        assert (finished / "again.pb").read_bytes() == (trained / "graph.pb").read_bytes()

    def test_both_forms_predict_the_same(self, finished):
        assert dp("freeze", "--portable", "-o", "portable.pb").status == 0
        graphs = ("graph.pb", "portable.pb")
        native, portable = (json.loads(run("test", "-m", g, "-s", "data_0", "--json"))["total"] for g in graphs)
        assert native.pop("nframes") == portable.pop("nframes")
        assert native == {name: pytest.approx(errors, rel=1e-9) for name, errors in portable.items()}
        names = [{node.op for node in read_graph_def(graph).node} for graph in graphs]
        assert "EvaluateModel" in names[0] and "ProdEnvMatA" in names[1]

    def test_an_older_one(self, trained, finished):
        assert dp("freeze", "-c", "model.ckpt-2").status == 0
        assert (finished / "graph.pb").read_bytes() != (trained / "graph.pb").read_bytes()


class TestShow:
    def test_json(self, finished):
        facts = json.loads(run("show", "graph.pb", "--json"))
        values = StoredCheckpoint("model.ckpt-6").values()
        assert facts["form"].startswith("native: one operation")
        assert facts["type map"] == ["O", "H"]
        assert facts["cutoff (Å)"] == 4.0
        assert facts["sel"] == [6, 6]
        assert facts["type embedding"] == [2]
        assert facts["embedding net"] == [3, 6]
        assert facts["fitting net"] == [6, 6]
        assert facts["training steps"] == 6
        assert facts["energy bias (eV)"] == values["fitting_attr/t_bias_atom_e"].tolist()
        weights = [v for n, v in values.items() if n.split("/")[-1].startswith(("matrix", "bias", "idt"))]
        assert facts["parameters"] == sum(v.size for v in weights)
        assert facts["bytes"] == (finished / "graph.pb").stat().st_size

    def test_table(self, finished):
        text = run("show", "graph.pb")
        assert all(word in text for word in ("graph.pb", "type map", '["O", "H"]', "cutoff", "fitting net", "float64"))

    def test_stored_input(self, finished):
        assert json.loads(run("show", "graph.pb", "--input")) == json.loads((finished / "out.json").read_text())


class TestNeighborStat:
    def expected(self, *systems):
        return survey([load_system(system, ["O", "H"]) for system in systems], 2, 4.0, 1.0).neighbors

    def test_json(self, place):
        found = json.loads(run("neighbor-stat", "-s", "data_0", "data_1", "-r", "4", "-t", "O", "H", "--json"))
        expected = self.expected("data_0", "data_1")
        assert found["max_neighbors"] == expected.max_neighbors.tolist()
        assert found["min_distance"] == expected.min_distance
        assert found["rcut"] == 4.0
        assert all(sel >= n for sel, n in zip(found["suggested_sel"], found["max_neighbors"], strict=True))

    def test_table(self, place):
        text = run("neighbor-stat", "-s", ".", "-r", "4.0", "-t", "O", "H")
        expected = self.expected("data_0", "data_1", "data_2")
        assert f"12 frames in 3 systems; shortest distance {expected.min_distance:.4f} Å" in text
        assert '"sel": [' in text

    def test_pairs_counted_by_hand(self, place):
        """Two O and one H on a line, 1 Å apart and open: a cutoff of 1.5 Å includes the nearest neighbors only."""
        write_system(place / "line", types=(0, 0, 1), nframes=1, periodic=False)
        np.save("line/set.000/coord.npy", [[0.0, 0, 0, 1, 0, 0, 2, 0, 0]])
        found = json.loads(run("neighbor-stat", "-s", "line", "-r", "1.5", "-t", "O", "H", "--json"))
        assert found["max_neighbors"] == [1, 1]
        assert found["min_distance"] == 1.0
        found = json.loads(run("neighbor-stat", "-s", "line", "-r", "2.5", "-t", "H", "O", "--json"))
        assert found["max_neighbors"] == [1, 2]


class TestPlotLcurve:
    def test_png_of_the_current_run(self, finished):
        assert "lcurve.png" in run("plot-lcurve")
        assert (finished / "lcurve.png").read_bytes().startswith(PNG)

    def test_two_curves_as_pdf(self, finished):
        (finished / "peer.out").write_text(
            "#  step      rmse_val    rmse_trn    rmse_e_val  rmse_e_trn    rmse_f_val  rmse_f_trn         lr\n"
            "# If there is no available reference data, rmse_*_{val,trn} will print nan\n"
            "      1      2.5e+01    2.1e+01      1.2e-01    1.1e-01      8.1e-01    7.4e-01    1.0e-03\n"
            "    100      2.4e+01    2.0e+01      1.1e-01    1.0e-01      8.0e-01    7.3e-01    1.0e-03\n"
        )
        run("plot-lcurve", "lcurve.out", "peer.out", "-o", "both.pdf")
        assert (finished / "both.pdf").read_bytes().startswith(b"%PDF")

    def test_columns_without_numbers_are_left_out(self, finished):
        (finished / "a.out").write_text("# step rmse_e_val rmse_f_val rmse_f_trn lr\n2 nan 0 1e-3 1\n")
        run("plot-lcurve", "a.out")
        assert (finished / "lcurve.png").read_bytes().startswith(PNG)

    def test_without_an_ending_it_is_png(self, finished):
        run("plot-lcurve", "-o", "curve")
        assert (finished / "curve").read_bytes().startswith(PNG)


class TestDocTrainInput:
    def test_reference_names_the_keys_of_every_section(self):
        text = run("doc-train-input")
        for path in (
            "model.type_embedding",
            "model.descriptor",
            "model.fitting_net",
            "learning_rate",
            "loss",
            "training",
        ):
            assert path in text
        assert all(key in text for key in ("rcut_smth", "start_pref_e", "numb_btch", "max_ckpt_keep"))

    def test_schema_is_json_and_knows_the_sections(self):
        schema = json.loads(run("doc-train-input", "--json-schema"))
        assert set(INPUT) <= set(schema["properties"])

    def test_the_reference_equals_the_documentation(self, request):
        assert (request.config.rootpath / "docs" / "train-input.md").read_text() == run("doc-train-input")


def test_yaml_and_json_are_equivalent(finished):
    """The complete input gives the same configuration as YAML and as JSON."""
    from deepmd_tf.config import load_config

    (finished / "out.yaml").write_text(yaml.safe_dump(json.loads((finished / "out.json").read_text())))
    assert load_config("out.yaml") == load_config("out.json")


class TestCompress:
    def test_same_numbers_in_a_smaller_file(self, finished):
        result = dp("compress", "-o", "small.pb")
        assert (result.status, result.out) == (0, "")
        words = ["panels", "terms", "shortest distance of the training data", "random atoms", "eV/atom"]
        assert all(word in result.err for word in words)
        frames = load_system("data_0", ["O", "H"]).frames(slice(None))
        evaluated = [DeepPot(pb).eval(frames.coord, frames.box, frames.type[0]) for pb in ("small.pb", "graph.pb")]
        for got, expected in zip(*evaluated, strict=True):
            np.testing.assert_allclose(got, expected, rtol=0, atol=1e-8 * np.abs(expected).max())
        small, large = ((finished / name).stat().st_size for name in ("small.pb", "graph.pb"))
        assert small < large
        shown = run("show", "small.pb")
        assert "compressed" in shown

    def test_compares_on_data(self, finished):
        result = dp("compress", "--system", "data_0", "data_1", "--fitting-precision", "float32", "-a", "1e-6")
        assert result.status == 0
        assert "largest differences on 7 frames of the data" in result.err
        assert (finished / "graph-compress.pb").exists()

    def test_the_shortest_distance_may_come_from_the_data(self, finished):
        graph = read_graph_def("graph.pb")
        for node in graph.node:
            if node.name == "train_attr/min_nbor_dist":
                node.name = "forgotten"
        (finished / "other.pb").write_bytes(graph.SerializeToString())
        result = dp("compress", "-i", "other.pb", "-o", "small.pb")
        assert result.status == 2 and "--system" in result.err and not (finished / "small.pb").exists()
        assert dp("compress", "-i", "other.pb", "-o", "small.pb", "--system", "data_0").status == 0
