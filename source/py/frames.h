#pragma once

#include <cstdint>
#include <string>

#include "arrays.h"
#include "deepmd/neighbors.h"

namespace deepmd::py {

/// Rows that splits of this length divide something into.
inline int64_t count_rows(const char* name, pb::ssize_t length) {
  if (length < 1) throw InputError(std::string(name) + ": expected at least one number");
  return length - 1;
}

/// Frames in arrays, whose shapes and splits are checked.
inline FrameBatch make_batch(const Array<double>& coord, const Array<int>& type, const Array<int>& frame_splits,
                             const Array<double>& cell, const Array<bool>& periodic, int ntypes) {
  check_shape("type", type, {-1});
  check_shape("coord", coord, {type.size(), 3});
  check_shape("frame_splits", frame_splits, {-1});
  const int nframes = int(count_rows("frame_splits", frame_splits.size()));
  check_shape("cell", cell, {nframes, 3, 3});
  check_shape("periodic", periodic, {nframes});
  check_frame_splits(nframes, frame_splits.data(), type.size());
  return {nframes, frame_splits.data(), coord.data(), type.data(), cell.data(), periodic.data(), ntypes};
}

/// Atoms and a list of their neighbors in arrays, whose shapes are checked.
inline NeighborList make_list(const Array<double>& coord, const Array<int>& type, const Array<int64_t>& list_splits,
                              const Array<int32_t>& list_neighbor, int ntypes) {
  check_shape("type", type, {-1});
  check_shape("coord", coord, {type.size(), 3});
  check_shape("list_splits", list_splits, {-1});
  check_shape("list_neighbor", list_neighbor, {-1});
  return {count_rows("list_splits", list_splits.size()),
          type.size(),
          coord.data(),
          type.data(),
          list_splits.data(),
          list_neighbor.data(),
          list_neighbor.size(),
          ntypes};
}

}  // namespace deepmd::py
