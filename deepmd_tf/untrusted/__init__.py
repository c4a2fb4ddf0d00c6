"""Readers of damaged or hostile files, for formats with libraries that are not safe on such files.

`hdf5_library` runs the HDF5 library in a child process, which `hdf5_process` starts and supervises. `bundle` checks the
index of a TensorFlow checkpoint before TensorFlow reads it. The rest of the package can be understood without this
one; `docs/reliability.md` explains why it exists.
"""
