#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace deepmd::gpu {

constexpr int kWarp = 32;
constexpr int kThreads = 256;
/// Maximum number of blocks of a grid; for more items, the threads loop over the items.
constexpr int64_t kMaxBlocks = 1 << 20;

/// Launch configuration of a kernel.
struct Grid {
  unsigned blocks;
  unsigned threads;   ///< threads per block, a multiple of kWarp
  size_t shared = 0;  ///< bytes of shared memory of a block
};

constexpr int64_t ceil_div(int64_t n, int64_t d) { return n / d + (n % d != 0); }
constexpr int64_t round_up(int64_t n, int64_t d) { return ceil_div(n, d) * d; }

/// Returns a grid with one thread per item.
inline Grid grid_of_threads(int64_t items, int threads = kThreads) {
  return {unsigned(std::min(ceil_div(std::max<int64_t>(items, 0), threads), kMaxBlocks)), unsigned(threads)};
}

/// Returns a grid with one warp per item.
inline Grid grid_of_warps(int64_t items, int threads = kThreads) {
  return grid_of_threads(std::min(std::max<int64_t>(items, 0), kMaxBlocks * threads) * kWarp, threads);
}

/// Returns a grid with one block per item.
inline Grid grid_of_blocks(int64_t items, int threads, size_t shared = 0) {
  return {unsigned(std::clamp<int64_t>(items, 0, kMaxBlocks)), unsigned(threads), shared};
}

}  // namespace deepmd::gpu
