#pragma once

#include <cstdint>
#include <string>

#include "arrays.h"
#include "deepmd/edges.h"
#include "deepmd/neighbors.h"

namespace deepmd::py {

/// Number of rows of compressed storage, by the length of their splits.
inline int64_t count_rows(const char* name, pb::ssize_t length) {
  if (length < 1) throw InputError(std::string(name) + ": expected at least one number");
  return length - 1;
}

/// Checks the edges of rows [nedge, 4] and the types of all atoms; returns the number of centers.
inline int64_t check_edges(const Array<double>& rows, const Array<int64_t>& edge_splits, const Array<int32_t>& neighbor,
                           const Array<int32_t>& type, int ntypes) {
  check_shape("rows", rows, {-1, 4});
  check_shape("edge_splits", edge_splits, {-1});
  check_shape("neighbor", neighbor, {rows.shape(0)});
  EdgeList edges{};
  edges.ncenters = count_rows("edge_splits", edge_splits.size());
  edges.natoms = type.size();
  edges.nedge = neighbor.size();
  edges.edge_splits = edge_splits.data();
  edges.neighbor = neighbor.data();
  check_edge_splits(edges.ncenters, edges.edge_splits, edges.nedge);
  check_edge_neighbors(CpuDevice(), edges);
  check_types(type.size(), type.data(), ntypes);
  return edges.ncenters;
}

/// Frames in arrays; checks shapes and splits.
inline FrameBatch make_batch(const Array<double>& coord, const Array<int>& type, const Array<int>& frame_splits,
                             const Array<double>& cell, const Array<bool>& periodic, int ntypes) {
  check_shape("type", type, {-1});
  check_shape("coord", coord, {type.size(), 3});
  check_shape("frame_splits", frame_splits, {-1});
  const int nframes = int(count_rows("frame_splits", frame_splits.size()));
  check_shape("cell", cell, {nframes, 3, 3});
  check_shape("periodic", periodic, {nframes});
  check_frame_splits(nframes, frame_splits.data(), type.size());
  FrameBatch batch{};
  batch.nframes = nframes;
  batch.frame_splits = frame_splits.data();
  batch.coord = coord.data();
  batch.type = type.data();
  batch.cells = cell.data();
  batch.periodic = periodic.data();
  batch.ntypes = ntypes;
  return batch;
}

/// Atoms and a list of their neighbors in arrays; checks shapes.
inline NeighborList make_list(const Array<double>& coord, const Array<int>& type, const Array<int64_t>& list_splits,
                              const Array<int32_t>& list_neighbor, int ntypes) {
  check_shape("type", type, {-1});
  check_shape("coord", coord, {type.size(), 3});
  check_shape("list_splits", list_splits, {-1});
  check_shape("list_neighbor", list_neighbor, {-1});
  NeighborList list{};
  list.nloc = count_rows("list_splits", list_splits.size());
  list.nall = type.size();
  list.coord = coord.data();
  list.type = type.data();
  list.list_splits = list_splits.data();
  list.neighbor = list_neighbor.data();
  list.list_length = list_neighbor.size();
  list.ntypes = ntypes;
  return list;
}

}  // namespace deepmd::py
