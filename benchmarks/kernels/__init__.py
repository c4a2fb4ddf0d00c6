"""Microbenchmarks of the compiled kernels, one file per kernel; run by ``make bench-kernels``."""
