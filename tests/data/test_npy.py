"""No file, however damaged, gets past the reader as anything but an array or an `InputError`."""

from __future__ import annotations

import io

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from deepmd_tf.data import npy
from deepmd_tf.errors import InputError


def saved(array) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


@given(
    hnp.arrays(
        st.sampled_from(["<f4", "<f8", ">f8"]),
        hnp.array_shapes(max_dims=3, max_side=5, min_side=0),
        elements=st.floats(-1e6, 1e6, width=32),
    ),
    st.sampled_from([0, 2**30]),
)
@settings(max_examples=60, deadline=None)
def test_arrays_come_back(tmp_path_factory, array, limit):
    path = tmp_path_factory.mktemp("npy") / "a.npy"
    path.write_bytes(saved(array))
    found = npy.read_rows(path)
    assert found.shape == array.shape
    np.testing.assert_array_equal(found, array)


@given(st.data())
@settings(max_examples=300, deadline=None)
def test_damaged_files(tmp_path_factory, data):
    content = bytearray(saved(np.arange(12.0).reshape(3, 4)))
    for _ in range(data.draw(st.integers(0, 4))):
        content[data.draw(st.integers(0, 127))] = data.draw(st.integers(0, 255))
    content = content[: data.draw(st.integers(0, len(content)))]
    path = tmp_path_factory.mktemp("npy") / "a.npy"
    path.write_bytes(content)
    try:
        assert npy.read_rows(path).dtype.kind == "f"
    except InputError as error:
        assert str(path) in str(error)
