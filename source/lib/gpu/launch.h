#pragma once

#include <cstdint>
#include <string>
#include <tuple>

#include "gpu/check.h"
#include "gpu/grid.h"

namespace deepmd::gpu {

/// Shared memory (bytes) that a block can use without setting a kernel attribute.
constexpr size_t kSharedWithoutAsking = 48 * 1024;

/// Launches a kernel in the stream of the device; does nothing for a grid without blocks.
template <typename... Parameters, typename... Arguments>
void launch(const GpuDevice& device, const Grid& grid, void (*kernel)(Parameters...), const Arguments&... arguments) {
  if (grid.blocks == 0) return;
#ifdef DEEPMD_EMULATE_CUDA
  (void)device;
  emulated::run(grid, [&] { kernel(Parameters(arguments)...); });
#else
  if (grid.shared > kSharedWithoutAsking) {
    check(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, int(grid.shared)),
          "cudaFuncSetAttribute");
  }
  std::tuple<Parameters...> values(static_cast<Parameters>(arguments)...);
  std::apply(
      [&](auto&... value) {
        void* pointers[] = {static_cast<void*>(&value)...};
        check(cudaLaunchKernel(kernel, dim3(grid.blocks), dim3(grid.threads), pointers, grid.shared, stream_of(device)),
              "cudaLaunchKernel");
      },
      values);
#endif
}

/// Index of a thread in the grid and number of threads of the grid, for loops over any number of items.
__device__ __forceinline__ int64_t thread_index() { return int64_t(blockIdx.x) * blockDim.x + threadIdx.x; }
__device__ __forceinline__ int64_t thread_count() { return int64_t(gridDim.x) * blockDim.x; }

/// Index of a warp in the grid, number of warps, and index of a thread in its warp.
__device__ __forceinline__ int64_t warp_index() { return thread_index() / kWarp; }
__device__ __forceinline__ int64_t warp_count() { return thread_count() / kWarp; }
__device__ __forceinline__ int lane_index() { return int(threadIdx.x) % kWarp; }

/// Returns the shared memory that the grid requested.
template <typename T>
__device__ __forceinline__ T* shared_memory() {
#ifdef DEEPMD_EMULATE_CUDA
  return reinterpret_cast<T*>(emulated::shared_memory());
#else
  extern __shared__ __align__(16) unsigned char deepmd_shared[];
  return reinterpret_cast<T*>(deepmd_shared);
#endif
}

constexpr unsigned kAllLanes = 0xffffffffu;

/// Returns the sum over the lanes of a warp to every lane; the order of the additions is fixed.
template <typename T>
__device__ __forceinline__ T warp_sum(T value) {
  for (int step = kWarp / 2; step > 0; step /= 2) value += __shfl_xor_sync(kAllLanes, value, step);
  return value;
}

/// Writes to out [kWidth] the sums of share [kWidth] over the lanes of a warp.
template <int kWidth, typename T, typename Out>
__device__ __forceinline__ void store_warp_sums(const T (&share)[kWidth], Out* out) {
  for (int k = 0; k < kWidth; ++k) {
    const T total = warp_sum(share[k]);
    if (lane_index() == k) out[k] = Out(total);
  }
}

/// Sums each of 32 values over the lanes of a warp with 31 exchanges; lane l gets the sum of value l. `values` is
/// overwritten.
template <int kStep = kWarp / 2, typename T>
__device__ __forceinline__ T warp_sums(T (&values)[kWarp]) {
  const bool upper = lane_index() & kStep;
#pragma unroll
  for (int i = 0; i < kStep; ++i) {
    const T given = upper ? values[i] : values[i + kStep], kept = upper ? values[i + kStep] : values[i];
    values[i] = kept + __shfl_xor_sync(kAllLanes, given, kStep);
  }
  if constexpr (kStep > 1) {
    return warp_sums<kStep / 2>(values);
  } else {
    return values[0];
  }
}

}  // namespace deepmd::gpu
