#pragma once

#include <cstdint>

#include "gpu/launch.h"
#include "gpu/search_record.h"

namespace deepmd::gpu {

/// Threads of a block in which every warp finds a row. Small blocks leave little shared memory and few registers
/// unused.
constexpr int kRowThreads = 128;
/// Maximum length of a row, so that three times the length fits in 32 bits.
constexpr int64_t kLongestRowAllowed = 1 << 30;

/// Memory for every warp of a grid: shared memory, or device memory if a warp needs more.
struct WarpMemory {
  Grid grid;
  char* global;   ///< device memory, or null for shared memory
  int64_t bytes;  ///< size for one warp
};

WarpMemory memory_of_warps(const GpuDevice& device, int64_t items, int64_t bytes);

__device__ __forceinline__ char* own_memory(char* global, int64_t bytes) {
  return global != nullptr ? global + warp_index() * bytes
                           : shared_memory<char>() + int64_t(threadIdx.x) / kWarp * bytes;
}

/// Row that a warp finds, in its own memory, with at most `capacity` neighbors.
struct RowBuffer {
  int ntypes;
  int capacity;
  double* vec;      ///< [3, capacity], r_j + shift - r_i, Å
  int* share;       ///< [ntypes], number of neighbors of each type
  int* begin;       ///< [ntypes], number of neighbors of lower types
  int* index;       ///< [capacity]
  int* bucket;      ///< [capacity], initially the type
  int* bucket_end;  ///< [capacity]
  int* sorted;      ///< [capacity], by bucket
  int* order;       ///< [capacity], neighbor at each position of the sorted row

  static constexpr int64_t bytes(int ntypes, int64_t capacity) {
    return round_up(44 * capacity + 8 * int64_t(ntypes), 16);
  }
  __device__ RowBuffer(char* memory, int ntypes, int capacity) : ntypes(ntypes), capacity(capacity) {
    vec = reinterpret_cast<double*>(memory);
    share = reinterpret_cast<int*>(vec + 3 * int64_t(capacity));
    begin = share + ntypes;
    index = begin + ntypes;
    bucket = index + capacity;
    bucket_end = bucket + capacity;
    sorted = bucket_end + capacity;
    order = sorted + capacity;
  }

  __device__ double distance2(int k) const {
    const double x = vec[k], y = vec[k + int64_t(capacity)], z = vec[k + 2 * int64_t(capacity)];
    return x * x + y * y + z * z;
  }
  /// Returns true if neighbor a precedes neighbor b of the same type: by distance, then index, then order of discovery.
  __device__ bool before(int a, int b) const {
    const double one = distance2(a), other = distance2(b);
    if (one != other) return one < other;
    return index[a] != index[b] ? index[a] < index[b] : a < b;
  }
};

/// Returns the inclusive prefix sum of the values over the lanes.
template <typename T>
__device__ __forceinline__ T lane_sums(T value) {
  for (int step = 1; step < kWarp; step *= 2) {
    const T below = __shfl_up_sync(kAllLanes, value, step);
    if (lane_index() >= step) value += below;
  }
  return value;
}

__device__ __forceinline__ void clear(int* numbers, int n) {
  for (int k = lane_index(); k < n; k += kWarp) numbers[k] = 0;
  __syncwarp();
}

/// Adds the neighbors of the lanes with a hit to the number of neighbors of their types.
__device__ __forceinline__ void count_types(bool hit, int type, int* share) {
  for (unsigned left = __ballot_sync(kAllLanes, hit); left != 0;) {
    const int one = __shfl_sync(kAllLanes, type, __ffs(int(left)) - 1);
    const unsigned same = __ballot_sync(kAllLanes, hit && type == one);
    if (lane_index() == 0) share[one] += __popc(same);
    left &= ~same;
  }
}

/// Computes the exclusive prefix sums of `numbers` [n]; `before` may be `numbers`.
__device__ __forceinline__ void sums_before(int n, const int* numbers, int* before) {
  int sum = 0;
  for (int first = 0; first < n; first += kWarp) {
    const int k = first + lane_index();
    const int own = k < n ? numbers[k] : 0, with = lane_sums(own);
    if (k < n) before[k] = sum + with - own;
    sum += __shfl_sync(kAllLanes, with, kWarp - 1);
  }
  __syncwarp();
}

/// Fills `order` of a row with known vec, index, type (in bucket) and share.
///
/// The algorithm is the same as on the CPU. Neighbors fill a sphere almost evenly, so the cube of the distance is
/// almost uniform. The neighbors of a type are sorted into as many equal buckets of the cube as there are neighbors.
/// The position within a bucket is the number of its members that precede the neighbor.
__device__ __forceinline__ void sort_row(const RowBuffer& row, int count, double rcut) {
  sums_before(row.ntypes, row.share, row.begin);
  clear(row.bucket_end, count);
  const double scale = 1.0 / (rcut * rcut);
  for (int k = lane_index(); k < count; k += kWarp) {
    const int type = row.bucket[k], share = row.share[type];
    const double x = row.distance2(k) * scale;
    const int along = int(x * sqrt(x) * share);
    row.bucket[k] = row.begin[type] + (along < share - 1 ? along : share - 1);
    atomicAdd(&row.bucket_end[row.bucket[k]], 1);
  }
  __syncwarp();
  sums_before(count, row.bucket_end, row.bucket_end);
  for (int k = lane_index(); k < count; k += kWarp) {
    row.sorted[atomicAdd(&row.bucket_end[row.bucket[k]], 1)] = k;
  }
  __syncwarp();
  for (int k = lane_index(); k < count; k += kWarp) {
    const int bucket = row.bucket[k], first = bucket > 0 ? row.bucket_end[bucket - 1] : 0;
    int place = first;
    for (int m = first; m < row.bucket_end[bucket]; ++m) place += row.before(row.sorted[m], k);
    row.order[place] = k;
  }
  __syncwarp();
}

/// Appends the neighbors found by the lanes of a warp, in the order of the lanes.
struct RowFill {
  int count = 0;

  __device__ __forceinline__ void add(const RowBuffer& row, bool hit, int type, int index, const double vec[3]) {
    const unsigned hits = __ballot_sync(kAllLanes, hit);
    const int k = count + __popc(hits & ((1u << lane_index()) - 1));
    if (hit && k < row.capacity) {
      for (int a = 0; a < 3; ++a) row.vec[k + a * int64_t(row.capacity)] = vec[a];
      row.index[k] = index;
      row.bucket[k] = type;
    }
    count += __popc(hits);
    count_types(hit, type, row.share);
  }
};

/// Writes a sorted row to the edges, starting at edge `first`.
__device__ __forceinline__ void write_row(const RowBuffer& row, int count, int64_t first, int64_t offset,
                                          int32_t* neighbor, double* edge_vec) {
  for (int e = lane_index(); e < count; e += kWarp) {
    neighbor[first + e] = int32_t(row.index[row.order[e]] + offset);
  }
  for (uint32_t m = lane_index(); m < 3 * uint32_t(count); m += kWarp) {
    edge_vec[3 * first + m] = row.vec[row.order[m / 3] + m % 3 * int64_t(row.capacity)];
  }
  __syncwarp();
}

/// Updates the maximum row length and number of neighbors of each type in the record.
__device__ __forceinline__ void note_row(int64_t count, int ntypes, const int* share, Number* record) {
  if (lane_index() == 0) raise(&record[kLongestRow], Number(count));
  for (int64_t t = lane_index(); t < ntypes; t += kWarp) raise(&record[kMax + t], Number(share[t]));
  __syncwarp();
}

}  // namespace deepmd::gpu
