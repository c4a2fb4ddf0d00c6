#pragma once

// CUDA, or the part of it that the kernels use, carried out by the processor (see emulated/cuda.h).
#ifdef DEEPMD_EMULATE_CUDA
#include "gpu/emulated/cuda.h"
#else
#include <cuda_runtime.h>
#endif
