#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "deepmd/device.h"
#include "deepmd/slots.h"

namespace deepmd {

/// Sums what centers add to atoms, in an order that depends on the sizes alone and not on the threads.
///
/// The centers of a frame are divided into a fixed number of blocks; each block adds, center after center, to an array
/// of its own, and the arrays of a frame are then added in order. `add(c, sums)` adds what center c contributes to sums
/// [nall, width]; out [nframes, nall, width].
template <typename T, typename Add>
void scatter(const CpuDevice& device, const SlotShape& shape, int width, int64_t cost_per_slot, T* out, Add add) {
  constexpr int64_t kMaxBlocks = 16;
  constexpr int64_t kCentersPerBlock = 32;
  const int64_t blocks = std::clamp<int64_t>(shape.nloc / kCentersPerBlock, 1, kMaxBlocks);
  const int64_t size = int64_t(shape.nall) * width;
  std::vector<double> sums(size_t(shape.nframes * blocks * size), 0.0);
  const int64_t block_cost = cost_per_slot * shape.nnei * (shape.nloc / blocks + 1);
  device.parallel_for(shape.nframes * blocks, block_cost, [&](int64_t begin, int64_t end) {
    for (int64_t k = begin; k < end; ++k) {
      const int64_t frame = k / blocks, block = k % blocks;
      const int64_t last = shape.nloc * (block + 1) / blocks;
      for (int64_t i = shape.nloc * block / blocks; i < last; ++i) add(frame * shape.nloc + i, sums.data() + k * size);
    }
  });
  device.parallel_for(shape.nframes * size, 2 * blocks, [&](int64_t begin, int64_t end) {
    for (int64_t k = begin; k < end; ++k) {
      const double* column = sums.data() + k / size * blocks * size + k % size;
      double sum = 0;
      for (int64_t block = 0; block < blocks; ++block) sum += column[block * size];
      out[k] = T(sum);
    }
  });
}

}  // namespace deepmd
