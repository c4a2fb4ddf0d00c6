#pragma once

#include <algorithm>
#include <cstdint>
#include <mutex>
#include <vector>

#include "cpu/buffer.h"
#include "cpu/cell_list.h"
#include "cpu/row_order.h"
#include "deepmd/neighbors.h"

namespace deepmd {

/// Rows of a few centres, found before it is known where they go.
struct RowBlock {
  Buffer<int32_t> neighbor;
  Buffer<double> edge_vec;

  /// Makes room for a row; returns the edge with which it begins.
  size_t append(size_t count, int64_t rows) {
    const size_t begin = neighbor.size();
    if (begin == 0) {  // rows of a block are about equally long
      neighbor.reserve(count * rows * 5 / 4);
      edge_vec.reserve(3 * count * rows * 5 / 4);
    }
    neighbor.resize(begin + count);
    edge_vec.resize(3 * (begin + count));
    return begin;
  }
};

/// Memory that a thread reuses from centre to centre.
struct RowScratch {
  Candidates found;
  RowOrder order;
  std::vector<int> most;  ///< [ntypes], the largest number of neighbours of each type so far
};

/// Centres that are searched as one item of work; the result does not depend on it.
constexpr int64_t kCentresPerBlock = 16;

/// Finds the rows of all centres and puts them one after another.
///
/// `append(c, rows, scratch, block)` appends the row of centre c to the block, which will have about as many `rows` of
/// that length, and returns its length. Writes edge_splits [centres + 1]; returns scratch.most of all threads together.
template <typename Append>
std::vector<int> collect_rows(const CpuDevice& device, int64_t centres, int ntypes, int64_t nanoseconds_per_centre,
                              int64_t* edge_splits, const MakeRoom& make_room, const Append& append) {
  const int64_t nblocks = (centres + kCentresPerBlock - 1) / kCentresPerBlock;
  std::vector<RowBlock> blocks(nblocks);
  std::vector<int> most(ntypes, 0);
  std::mutex mutex;
  device.parallel_for(nblocks, kCentresPerBlock * nanoseconds_per_centre, [&](int64_t begin, int64_t end) {
    RowScratch scratch;
    scratch.most.assign(ntypes, 0);
    for (int64_t b = begin; b < end; ++b) {
      const int64_t last = std::min((b + 1) * kCentresPerBlock, centres);
      for (int64_t c = b * kCentresPerBlock; c < last; ++c) {
        edge_splits[c + 1] = append(c, kCentresPerBlock, scratch, blocks[b]);
      }
    }
    const std::lock_guard<std::mutex> lock(mutex);
    for (int t = 0; t < ntypes; ++t) most[t] = std::max(most[t], scratch.most[t]);
  });

  edge_splits[0] = 0;
  for (int64_t c = 0; c < centres; ++c) edge_splits[c + 1] += edge_splits[c];
  const int64_t nedge = edge_splits[centres];
  const EdgeRoom room = make_room(nedge);
  device.parallel_for(nblocks, 4 * nedge / std::max<int64_t>(nblocks, 1) + 100, [&](int64_t begin, int64_t end) {
    for (int64_t b = begin; b < end; ++b) {
      const int64_t first = edge_splits[b * kCentresPerBlock];
      std::copy(blocks[b].neighbor.begin(), blocks[b].neighbor.end(), room.neighbor + first);
      std::copy(blocks[b].edge_vec.begin(), blocks[b].edge_vec.end(), room.edge_vec + 3 * first);
      blocks[b] = RowBlock();
    }
  });
  return most;
}

}  // namespace deepmd
