"""Readers of files that may be damaged or hostile, where the library that owns the format is not safe by itself.

`hdf5_library` runs the HDF5 library in a child process, which `hdf5_process` starts and supervises. `bundle` checks the
index of a TensorFlow checkpoint before TensorFlow reads it. Nothing here is needed to understand the rest of the
package; `docs/reliability.md` says why it exists.
"""
