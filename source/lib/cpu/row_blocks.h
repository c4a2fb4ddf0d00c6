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

/// Rows of a few centers, found before it is known where they go.
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

/// Memory that a thread reuses from center to center.
struct RowScratch {
  Candidates found;
  RowOrder order;
  std::vector<int> max_neighbors;  ///< [ntypes], the largest number of neighbors of each type so far
};

}  // namespace deepmd
