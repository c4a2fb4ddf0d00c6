#pragma once

#include <cstdint>

#include "deepmd/gpu_device.h"

namespace deepmd::gpu {

/// Computes out [n + 1]: the exclusive prefix sums of in [n], followed by the total. `in` may be `out`.
void exclusive_sums(const GpuDevice& device, int64_t n, const int64_t* in, int64_t* out);

/// Sorts n pairs by the lowest `bits` bits of their keys; the sort is stable.
template <typename Key>
void sort_pairs(const GpuDevice& device, int64_t n, int bits, const Key* keys, Key* sorted_keys, const uint32_t* values,
                uint32_t* sorted_values);

/// Returns the number of bits that represent the integers [0, n].
inline int bits_of(uint64_t n) {
  int bits = 1;
  while (bits < 64 && n >> bits != 0) ++bits;
  return bits;
}

}  // namespace deepmd::gpu
