#pragma once

#include "gpu/launch.h"

namespace deepmd::gpu {

/// Adds parts [n, nparts, size] in order to sums [n, size].
template <typename T>
__global__ void add_parts(int64_t n, int64_t nparts, int64_t size, const T* parts, T* sums) {
  for (int64_t q = thread_index(); q < n * size; q += thread_count()) {
    const T* part = parts + q / size * nparts * size + q % size;
    T sum = 0;
    for (int64_t p = 0; p < nparts; ++p) sum += part[p * size];
    sums[q] = sum;
  }
}

}  // namespace deepmd::gpu
