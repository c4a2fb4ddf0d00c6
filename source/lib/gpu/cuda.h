#pragma once

// CUDA, or an emulation on the CPU of the part that the kernels use (see emulated/cuda.h).
#ifdef DEEPMD_EMULATE_CUDA
#include "gpu/emulated/cuda.h"
#else
#include <cuda_runtime.h>
#endif
