"""What a checkpoint says of the progress of its run, right or wrong."""

from __future__ import annotations

import numpy as np
import pytest

from deepmd_tf.checkpoint.stored import StoredCheckpoint
from deepmd_tf.descriptor.tabulation import Resolution
from deepmd_tf.errors import InputError
from deepmd_tf.loss import METRICS
from deepmd_tf.train.progress import Progress, read_progress

from ..checkpoints import Run

SUMS = np.arange(len(METRICS)) / 3


def stored(place, metadata) -> StoredCheckpoint:
    return StoredCheckpoint(Run(place).writer.save(5, metadata))


@pytest.mark.parametrize("best", [np.inf, 0.25])
@pytest.mark.parametrize("panels", [(2,), (2, None)])
def test_what_is_written_is_read(tmp_path, best, panels):
    written = Progress(best, SUMS, 3, Resolution(panels), {"min_nbor_dist": 0.9})
    found = read_progress(stored(tmp_path, written.metadata()), len(panels))
    np.testing.assert_array_equal(found.sums, SUMS)
    assert (found.best, found.summed, found.data) == (best, 3, {"min_nbor_dist": 0.9})
    assert found.resolution == Resolution(panels)


@pytest.mark.parametrize(("number", "panels"), [(4, 4), (0, None)])
def test_one_number_is_that_of_a_single_descriptor(tmp_path, number, panels):
    """As earlier versions wrote it."""
    metadata = Progress(1.0, SUMS, 3, Resolution((2,)), {}).metadata() | {"panels": number}
    assert read_progress(stored(tmp_path, metadata), 1).resolution == Resolution((panels,))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *(("sums", value) for value in ("x", [1.0], ["x"] * len(METRICS), None, {})),
        *(("best", value) for value in ("x", None, float("nan"), [])),
        *(("summed", value) for value in (-1, 1.5, "x", True)),
        *(("panels", value) for value in ("x", -1, 10**9, [2, 2], [-1], None)),
        *(("data", value) for value in ("x", None, [])),
    ],
)
def test_what_no_run_writes_is_refused(tmp_path, key, value):
    metadata = Progress(1.0, SUMS, 3, Resolution((2,)), {}).metadata()
    checkpoint = stored(tmp_path, metadata | {key: value})
    with pytest.raises(InputError, match=rf"model\.ckpt-5: its {key}, .* not what a run writes"):
        read_progress(checkpoint, 1)
    del metadata[key]
    with pytest.raises(InputError, match=f"the key {key} is missing"):
        read_progress(stored(tmp_path, metadata), 1)


@pytest.mark.parametrize("panels", [2, [2], [2, 2, 2], [2, "x"]])
def test_the_panels_of_another_descriptor_are_refused(tmp_path, panels):
    metadata = Progress(1.0, SUMS, 3, Resolution((2, 2)), {}).metadata()
    checkpoint = stored(tmp_path, metadata | {"panels": panels})
    with pytest.raises(InputError, match="its panels, "):
        read_progress(checkpoint, 2)
