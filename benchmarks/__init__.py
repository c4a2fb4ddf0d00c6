"""Benchmarks against DeePMD-kit on the same input, in one interleaved run; see ``python -m benchmarks -h``."""
