#pragma once

#include <vector>

#include "gpu/check.h"

namespace deepmd::gpu {

/// Copies values from the device to the host; waits for the copy.
template <typename T>
std::vector<T> read_back(const GpuDevice& device, const T* values, int64_t n) {
  std::vector<T> host(n);
  check(cudaMemcpyAsync(host.data(), values, sizeof(T) * size_t(n), cudaMemcpyDeviceToHost, stream_of(device)),
        "cudaMemcpyAsync");
  check(cudaStreamSynchronize(stream_of(device)), "cudaStreamSynchronize");
  return host;
}

/// Copies one value from the device to the host; waits for the copy.
template <typename T>
T fetch(const GpuDevice& device, const T* value) {
  return read_back(device, value, 1)[0];
}

}  // namespace deepmd::gpu
