#pragma once

#include "gpu/launch.h"

namespace deepmd::gpu {

/// Numbers of shared memory that a warp needs to store rows of up to `width`.
constexpr int tile_size(int width) { return kWarp * (width | 1); }

/// Every lane of a warp holds row first + lane of out [nrows, kWidth]. Through shared memory they are written in order,
/// so that the warp writes whole lines. All lanes call it, whether they have a row or not.
template <int kWidth, typename T>
__device__ __forceinline__ void store_rows(T* tile, const T (&row)[kWidth], int64_t first, int64_t nrows, T* out) {
  constexpr int kStride = kWidth | 1;  // odd, so that the lanes write to different banks
  __syncwarp();
#pragma unroll
  for (int k = 0; k < kWidth; ++k) tile[lane_index() * kStride + k] = row[k];
  __syncwarp();
  const int count = int(nrows - first < kWarp ? nrows - first : kWarp) * kWidth;
#pragma unroll
  for (int i = 0; i < kWidth; ++i) {
    const int k = i * kWarp + lane_index();
    if (k < count) out[first * kWidth + k] = tile[k / kWidth * kStride + k % kWidth];
  }
}

}  // namespace deepmd::gpu
