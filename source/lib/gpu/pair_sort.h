#pragma once

#include "gpu/launch.h"

namespace deepmd::gpu {

/// Sorts up to kMax pairs by cell in the shared memory of a block of kThreads threads. The sort is stable, so that sums
/// over the pairs of a cell are reproducible.
class PairSort {
 public:
  static constexpr int kMax = 2048;
  static constexpr int kWarps = kThreads / kWarp;
  static constexpr uint32_t kCell = 0x7fffffffu;  ///< bits of `key` with the cell; the highest bit is free for callers

  uint32_t key[kMax];

  /// Returns the indices of the pairs in the order of their cells, which have at most `bits` bits. All threads of the
  /// block call this together, after a barrier that makes `key` [count] visible; the result is visible to all threads.
  __device__ const uint16_t* sort(int count, int bits) {
    const int warp = int(threadIdx.x) / kWarp, begin = warp * window(count);
    const int end = min(begin + window(count), count);
    uint16_t *from = order_[0], *to = order_[1];
    for (int p = threadIdx.x; p < count; p += kThreads) from[p] = uint16_t(p);
    for (int shift = 0; shift < bits; shift += kDigitBits) {
      for (int d = threadIdx.x; d < kWarps * kDigits; d += kThreads) places_[d] = 0;
      __syncthreads();
      int* places = places_ + warp * kDigits;
      for (int p = begin + lane_index(); p < end; p += kWarp) atomicAdd(places + digit(from[p], shift), 1);
      __syncthreads();
      sum_counts();
      for (int first = begin; first < end; first += kWarp) move(from, to, places, first + lane_index(), end, shift);
      uint16_t* sorted = to;
      to = from;
      from = sorted;
      __syncthreads();
    }
    return from;
  }

  /// Returns the number of pairs per warp, a multiple of kWarp.
  static __device__ int window(int count) { return (count + kThreads - 1) / kThreads * kWarp; }

 private:
  static constexpr int kDigitBits = 8;
  static constexpr int kDigits = 1 << kDigitBits;
  static_assert(kDigits == kThreads, "a thread for every digit");

  __device__ int digit(int pair, int shift) const { return int((key[pair] & kCell) >> shift) % kDigits; }

  /// Replaces the counts in places_ by the number of pairs with smaller digits, plus those with the same digit in
  /// earlier windows.
  __device__ void sum_counts() {
    const int d = threadIdx.x, warp = d / kWarp;
    int sum = 0;
    for (int w = 0; w < kWarps; ++w) {
      const int count = places_[w * kDigits + d];
      places_[w * kDigits + d] = sum;
      sum += count;
    }
    int until = sum;  // including the smaller digits of this warp
    for (int step = 1; step < kWarp; step *= 2) {
      const int before = __shfl_up_sync(kAllLanes, until, step);
      if (lane_index() >= step) until += before;
    }
    if (lane_index() == kWarp - 1) totals_[warp] = until;
    __syncthreads();
    int before = until - sum;
    for (int w = 0; w < warp; ++w) before += totals_[w];
    for (int w = 0; w < kWarps; ++w) places_[w * kDigits + d] += before;
    __syncthreads();
  }

  /// Moves the pairs at 32 consecutive positions to their sorted positions.
  __device__ void move(const uint16_t* from, uint16_t* to, int* places, int p, int end, int shift) {
    const bool there = p < end;
    const int pair = there ? from[p] : 0, d = there ? digit(pair, shift) : kDigits;
    const unsigned same = __match_any_sync(kAllLanes, unsigned(d));
    const int rank = __popc(same & ((1u << lane_index()) - 1));
    const int place = there ? places[d] : 0;
    __syncwarp();
    if (there && rank == 0) places[d] = place + __popc(same);
    __syncwarp();
    if (there) to[place + rank] = uint16_t(pair);
  }

  uint16_t order_[2][kMax];
  int places_[kWarps * kDigits];
  int totals_[kWarps];
};

}  // namespace deepmd::gpu
