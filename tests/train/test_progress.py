"""What a checkpoint says of the progress of its run, right or wrong."""

from __future__ import annotations

import numpy as np
import pytest

from deepmd_tf.checkpoint.stored import StoredCheckpoint
from deepmd_tf.errors import InputError
from deepmd_tf.loss import METRICS
from deepmd_tf.train.progress import Progress, read_progress

from ..checkpoints import Run

SUMS = np.arange(len(METRICS)) / 3


def stored(place, metadata) -> StoredCheckpoint:
    return StoredCheckpoint(Run(place).writer.save(5, metadata))


@pytest.mark.parametrize("best", [np.inf, 0.25])
@pytest.mark.parametrize("panels", [2, (2, 0)])
def test_what_is_written_is_read(tmp_path, best, panels):
    written = Progress(best, SUMS, 3, panels, {"min_nbor_dist": 0.9})
    found = read_progress(stored(tmp_path, written.metadata()), panels)
    np.testing.assert_array_equal(found.sums, SUMS)
    assert (found.best, found.summed, found.data) == (best, 3, {"min_nbor_dist": 0.9})
    assert found.panels == (2 if panels == 2 else [2, 0])


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *(("sums", value) for value in ("x", [1.0], ["x"] * len(METRICS), None, {})),
        *(("best", value) for value in ("x", None, float("nan"), [])),
        *(("summed", value) for value in (-1, 1.5, "x", True)),
        *(("panels", value) for value in ("x", -1, 10**9, [2], None)),
        *(("data", value) for value in ("x", None, [])),
    ],
)
def test_what_no_run_writes_is_refused(tmp_path, key, value):
    metadata = Progress(1.0, SUMS, 3, 2, {}).metadata()
    checkpoint = stored(tmp_path, metadata | {key: value})
    with pytest.raises(InputError, match=rf"model\.ckpt-5: its {key}, .* not what a run writes"):
        read_progress(checkpoint, 2)
    del metadata[key]
    with pytest.raises(InputError, match=f"lacks the key {key}"):
        read_progress(stored(tmp_path, metadata), 2)


@pytest.mark.parametrize("panels", [2, [2], [2, 2, 2], [2, "x"]])
def test_the_panels_of_another_descriptor_are_refused(tmp_path, panels):
    checkpoint = stored(tmp_path, Progress(1.0, SUMS, 3, panels, {}).metadata())
    with pytest.raises(InputError, match="its panels, "):
        read_progress(checkpoint, (2, 2))
