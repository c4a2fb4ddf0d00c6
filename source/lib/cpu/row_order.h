#pragma once

#include <vector>

#include "cpu/cell_list.h"

namespace deepmd {

/// Sorts what a CellList found for a centre into the order of a row: by type, then distance, then index (then image,
/// which makes the order unique).
///
/// Neighbours fill a sphere almost evenly, so that the cube of the distance is almost uniform: each type's share of the
/// row is divided into as many equal buckets of it as there are neighbours, and a bucket holds about one.
class RowOrder {
 public:
  /// The indices of `found` in the order of the row; valid until the next call.
  const std::vector<int>& sort(const CellList& list, const Candidates& found);

 private:
  std::vector<int> type_begin_;    // [ntypes + 1]
  std::vector<int> bucket_;        // [count]
  std::vector<int> bucket_begin_;  // [count + 1]
  std::vector<int> sorted_;        // [count]
};

}  // namespace deepmd
