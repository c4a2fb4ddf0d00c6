"""The learning curve file: what other programs read from it, and what a restart keeps of it."""

from __future__ import annotations

import numpy as np
import pytest

from deepmd_tf.errors import InputError
from deepmd_tf.train.lcurve import LearningCurve, read_lcurve

KEYS = ("rmse", "rmse_e", "rmse_f")


def errors(step: int) -> dict[str, float]:
    return {key: step + 0.1 * index for index, key in enumerate(KEYS)}


def write(path, steps, *, keys=KEYS, validation=True, first_step=0):
    with LearningCurve(path, keys, validation, first_step) as curve:
        for step in steps:
            curve.write(step, errors(step), {k: 2 * v for k, v in errors(step).items()} if validation else None, 1e-3)
    return path


def test_columns_are_the_contracts(tmp_path):
    header = write(tmp_path / "lcurve.out", [100]).read_text().splitlines()[0]
    assert header.startswith("#")
    assert header[1:].split() == ("step rmse_val rmse_trn rmse_e_val rmse_e_trn rmse_f_val rmse_f_trn lr".split())


def test_columns_without_validation(tmp_path):
    header = write(tmp_path / "lcurve.out", [100], validation=False).read_text().splitlines()[0]
    assert header[1:].split() == ["step", "rmse_trn", "rmse_e_trn", "rmse_f_trn", "lr"]


def test_header_says_what_training_errors_are(tmp_path):
    header = [line for line in write(tmp_path / "lcurve.out", [100]).read_text().splitlines() if line[0] == "#"]
    assert "since the previous line" in " ".join(header)


def test_numpy_reads_it_by_names(tmp_path):
    """The way in which the field's scripts read the file."""
    table = np.genfromtxt(write(tmp_path / "lcurve.out", [100, 200, 123456789]), names=True)
    assert table.dtype.names[:2] == ("step", "rmse_val")
    assert table["step"].tolist() == [100, 200, 123456789]
    np.testing.assert_allclose(table["rmse_e_val"], 2 * table["rmse_e_trn"], rtol=1e-3)
    np.testing.assert_allclose(table["lr"], 1e-3)


def test_numpy_reads_it_by_columns(tmp_path):
    assert np.loadtxt(write(tmp_path / "lcurve.out", [100, 200])).shape == (2, 8)


def test_read_lcurve_reads_what_was_written(tmp_path):
    curve = read_lcurve(write(tmp_path / "lcurve.out", [1, 2, 3]))
    assert list(curve) == ["step", *(f"{key}_{part}" for key in KEYS for part in ("val", "trn")), "lr"]
    np.testing.assert_allclose(curve["rmse_f_trn"], [1.2, 2.2, 3.2])


def test_absent_errors_are_nan(tmp_path):
    with LearningCurve(tmp_path / "lcurve.out", ("rmse", "rmse_v"), True) as curve:
        curve.write(10, {"rmse": 1.0, "rmse_v": float("nan")}, {"rmse": 1.0}, 1e-3)
    row = {name: values[0] for name, values in read_lcurve(tmp_path / "lcurve.out").items()}
    assert np.isnan([row["rmse_v_val"], row["rmse_v_trn"]]).all()
    assert row["rmse_val"] == 1.0


def test_lines_are_on_disk_at_once(tmp_path):
    with LearningCurve(tmp_path / "lcurve.out", KEYS, False) as curve:
        curve.write(7, errors(7), None, 1e-3)
        assert read_lcurve(tmp_path / "lcurve.out")["step"] == [7]


def test_a_new_run_begins_a_new_file(tmp_path):
    path = write(tmp_path / "lcurve.out", [100, 200])
    assert read_lcurve(write(path, [100]))["step"].tolist() == [100]


@pytest.mark.parametrize("checkpoint", [200, 250])
def test_a_restart_drops_the_lines_that_it_writes_again(tmp_path, checkpoint):
    whole = write(tmp_path / "whole.out", [100, 200, 300, 400]).read_bytes()
    path = write(tmp_path / "lcurve.out", [100, 200, 300, 400])
    write(path, [300, 400], first_step=checkpoint)
    assert path.read_bytes() == whole


def test_a_restart_without_the_file_begins_one(tmp_path):
    assert read_lcurve(write(tmp_path / "lcurve.out", [300], first_step=200))["step"].tolist() == [300]


def test_a_restart_drops_a_line_that_was_cut_off(tmp_path):
    path = write(tmp_path / "lcurve.out", [100, 200])
    with path.open("a") as file:
        file.write("      150    1.0e")
    write(path, [300], first_step=200)
    assert read_lcurve(path)["step"].tolist() == [100, 200, 300]


def test_a_restart_with_other_columns_keeps_the_file_a_table(tmp_path):
    path = write(tmp_path / "lcurve.out", [100, 200], keys=("rmse", "rmse_f"))
    write(path, [300], first_step=200)
    curve = read_lcurve(path)
    assert curve["step"].tolist() == [100, 200, 300]
    assert np.isnan(curve["rmse_e_val"]).tolist() == [True, True, False]
    np.testing.assert_allclose(curve["rmse_f_trn"], [100.1, 200.1, 300.2], rtol=1e-3)
    assert np.isfinite(curve["lr"]).all()


def test_a_restart_survives_a_damaged_file(tmp_path):
    path = tmp_path / "lcurve.out"
    path.write_bytes(b"\xff\xfe\x00\x93 garbage\n1 2\n")
    assert read_lcurve(write(path, [300], first_step=200))["step"].tolist() == [300]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", ["expected a first line", "# step"]),
        (b"100 1.0 2.0\n", ["expected a first line"]),
        (b"# step rmse_trn lr\n", ["no lines of numbers"]),
        (b"# step rmse_trn lr\n100 1.0\n", ["lcurve.out:2", "expected 3 columns", "got 2"]),
        (b"# step rmse_trn lr\n# note\n100 1.0 one\n", ["lcurve.out:3", "expected numbers", "100 1.0 one"]),
        (b"\x89PNG\r\n\x1a\n\xff", ["cannot read"]),
    ],
)
def test_read_lcurve_says_what_is_wrong(tmp_path, content, words):
    (tmp_path / "lcurve.out").write_bytes(content)
    with pytest.raises(InputError) as caught:
        read_lcurve(tmp_path / "lcurve.out")
    assert all(word in str(caught.value) for word in [*words, "lcurve.out"])


def test_read_lcurve_of_no_file(tmp_path):
    with pytest.raises(InputError, match="No such file"):
        read_lcurve(tmp_path / "lcurve.out")


def test_a_place_that_cannot_be_written(tmp_path):
    with pytest.raises(InputError, match="cannot write"):
        LearningCurve(tmp_path / "missing" / "lcurve.out", KEYS, True)


def full(path):
    """A learning curve whose disk has filled up since its header was written."""
    curve = LearningCurve(path, KEYS, validation=False)
    curve.close()
    curve._file = open("/dev/full", "a", buffering=1)
    return curve


def test_a_full_disk_is_said_with_the_file(tmp_path):
    path = tmp_path / "lcurve.out"
    with (
        pytest.raises(InputError, match=rf"training\.disp_file: cannot write {path}: No space left on device"),
        full(path) as curve,
    ):
        curve.write(100, errors(100), None, 1e-3)


def test_closing_on_a_full_disk_does_not_hide_what_was_wrong_before(tmp_path):
    with pytest.raises(KeyError), full(tmp_path / "lcurve.out") as curve:
        curve._file.buffer.write(b"1 2 3")
        raise KeyError
    curve = full(tmp_path / "lcurve.out")
    curve._file.buffer.write(b"1 2 3")
    with pytest.raises(InputError, match="No space left"):
        curve.close()
