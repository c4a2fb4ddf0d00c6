#pragma once

#include <string>

#include "deepmd/gpu_device.h"
#include "gpu/cuda.h"

namespace deepmd::gpu {

/// Throws GpuError unless the call succeeded.
inline void check(cudaError_t error, const char* call) {
  if (error == cudaSuccess) return;
  cudaGetLastError();  // reset the error, so that it is not reported for the next call
  throw GpuError(std::string("CUDA: ") + call + ": " + cudaGetErrorString(error));
}

inline cudaStream_t stream_of(const GpuDevice& device) { return static_cast<cudaStream_t>(device.stream()); }

}  // namespace deepmd::gpu
