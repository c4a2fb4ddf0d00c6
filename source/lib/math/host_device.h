#pragma once

/// Marks the per-element formulae, which the processor and a GPU both compile.
#ifdef __CUDACC__
#define DEEPMD_HOST_DEVICE __host__ __device__
#else
#define DEEPMD_HOST_DEVICE
#endif

/// For formulae inside files that are compiled for several instruction sets: no copy of theirs stands outside its
/// caller, where the linker might give the one of another instruction set to everybody.
#define DEEPMD_ALWAYS_INLINE inline __attribute__((always_inline))
