#pragma once

#include <vector>

#include "cpu/cell_list.h"

namespace deepmd {

/// What the order of a row depends on, of the atoms as they are stored.
struct RowKeys {
  const int* type_rank;  ///< [nall], in [0, ntypes)
  const int* index;      ///< [nall]
  int ntypes;
  double rcut;  ///< Å; no candidate is farther
};

/// Sorts what was found for a center into the order of a row: by type, then distance, then index (then image, which
/// makes the order unique).
///
/// Neighbors fill a sphere almost evenly, so that the cube of the distance is almost uniform: each type's share of the
/// row is divided into as many equal buckets of it as there are neighbors, and a bucket holds about one.
class RowOrder {
 public:
  /// The indices of `found` in the order of the row; valid until the next call.
  const std::vector<int>& sort(const RowKeys& keys, const Candidates& found);

  /// How many of the row last sorted have this type rank.
  int count(int type_rank) const { return type_begin_[size_t(type_rank) + 1] - type_begin_[size_t(type_rank)]; }

 private:
  std::vector<int> type_begin_;    // [ntypes + 1]
  std::vector<int> bucket_;        // [count]
  std::vector<int> bucket_begin_;  // [count + 1]
  std::vector<int> sorted_;        // [count]
};

}  // namespace deepmd
