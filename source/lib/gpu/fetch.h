#pragma once

#include "gpu/launch.h"

namespace deepmd::gpu {

/// Waits for what is in the stream, and reads a value on the device.
template <typename T>
T fetch(const GpuDevice& device, const T* value) {
  T host;
  check(cudaMemcpyAsync(&host, value, sizeof(T), cudaMemcpyDeviceToHost, stream_of(device)), "cudaMemcpyAsync");
  check(cudaStreamSynchronize(stream_of(device)), "cudaStreamSynchronize");
  return host;
}

}  // namespace deepmd::gpu
