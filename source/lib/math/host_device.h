#pragma once

/// Marks formulae that are compiled for both the CPU and the GPU.
#ifdef __CUDACC__
#define DEEPMD_HOST_DEVICE __host__ __device__
#else
#define DEEPMD_HOST_DEVICE
#endif

/// Forces inlining of formulae in files that are compiled for several instruction sets. Otherwise the linker could
/// merge the copies, and all callers would use that of one instruction set.
#define DEEPMD_ALWAYS_INLINE inline __attribute__((always_inline))
