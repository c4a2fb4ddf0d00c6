#pragma once

#include <cstdint>

#include "gpu/launch.h"
#include "gpu/search_record.h"

namespace deepmd::gpu {

/// Of a block in which every warp finds a row: small ones leave little shared memory and few registers unused.
constexpr int kRowThreads = 128;
/// So that three times as many numbers count in 32 bits.
constexpr int64_t kLongestRowAllowed = 1 << 30;

/// Memory for every warp of a grid: shared, or of the device where a warp needs more than there is.
struct WarpMemory {
  Grid grid;
  char* global;   ///< null when it is shared
  int64_t bytes;  ///< of one warp
};

WarpMemory memory_of_warps(const GpuDevice& device, int64_t items, int64_t bytes);

__device__ __forceinline__ char* own_memory(char* global, int64_t bytes) {
  return global != nullptr ? global + warp_index() * bytes
                           : shared_memory<char>() + int64_t(threadIdx.x) / kWarp * bytes;
}

/// What one warp found of a row, in memory of its own: `capacity` neighbors at most.
struct RowBuffer {
  int ntypes;
  int capacity;
  double* vec;      ///< [3, capacity], r_j + shift - r_i, Å
  int* share;       ///< [ntypes], neighbors of each type
  int* begin;       ///< [ntypes], those of lower types
  int* index;       ///< [capacity]
  int* bucket;      ///< [capacity], at first the type
  int* bucket_end;  ///< [capacity]
  int* sorted;      ///< [capacity], by bucket
  int* order;       ///< [capacity], who has which place in the row

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
  /// The order of a row within a type; of the images of one atom the first found.
  __device__ bool before(int a, int b) const {
    const double one = distance2(a), other = distance2(b);
    if (one != other) return one < other;
    return index[a] != index[b] ? index[a] < index[b] : a < b;
  }
};

/// The sums of the values of the lanes before, and with, each lane.
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

/// Adds the neighbors of some lanes to the numbers of their types.
__device__ __forceinline__ void count_types(bool hit, int type, int* share) {
  for (unsigned left = __ballot_sync(kAllLanes, hit); left != 0;) {
    const int one = __shfl_sync(kAllLanes, type, __ffs(int(left)) - 1);
    const unsigned same = __ballot_sync(kAllLanes, hit && type == one);
    if (lane_index() == 0) share[one] += __popc(same);
    left &= ~same;
  }
}

/// before[k] = the sum of the numbers before k; both may be the same.
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

/// Fills `order` of a row whose vec, index, type (as bucket) and share are there.
///
/// As on the processor: neighbors fill a sphere almost evenly, so that the cube of the distance is almost uniform, and
/// a type's share of the row falls into as many equal buckets of it; the place within a bucket is the number of its
/// members that come before.
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

/// Keeps the neighbors of some lanes in the order of the lanes.
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

/// Writes a sorted row to its place among the edges.
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

/// Notes the length of a row and its neighbors of each type.
__device__ __forceinline__ void note_row(int64_t count, int ntypes, const int* share, Number* record) {
  if (lane_index() == 0) raise(&record[kLongestRow], Number(count));
  for (int64_t t = lane_index(); t < ntypes; t += kWarp) raise(&record[kMax + t], Number(share[t]));
  __syncwarp();
}

}  // namespace deepmd::gpu
