#pragma once

/// Marks the per-element formulae, which the processor and a GPU both compile.
#ifdef __CUDACC__
#define DEEPMD_HOST_DEVICE __host__ __device__
#else
#define DEEPMD_HOST_DEVICE
#endif
