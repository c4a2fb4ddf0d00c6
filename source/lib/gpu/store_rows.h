#pragma once

#include "gpu/launch.h"

namespace deepmd::gpu {

/// Returns the number of elements of shared memory that a warp needs to store rows of up to `width`.
constexpr int tile_size(int width) { return kWarp * (width | 1); }

/// Writes rows to out [nrows, kWidth]; each lane of a warp holds row first + lane. The rows pass through shared memory,
/// so that the warp writes whole cache lines. All lanes call this, including those without a row.
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
