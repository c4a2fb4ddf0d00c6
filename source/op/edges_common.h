#pragma once

#include <initializer_list>
#include <string>

#include "common.h"
#include "deepmd/edges.h"
#include "deepmd/neighbors.h"
#include "deepmd/radial_cells.h"

namespace deepmd::op {

/// InvalidArgument unless the inputs have these ranks.
inline absl::Status check_ranks(tensorflow::shape_inference::InferenceContext* context,
                                std::initializer_list<int> ranks) {
  int input = 0;
  for (const int rank : ranks) {
    tensorflow::shape_inference::ShapeHandle shape;
    TF_RETURN_IF_ERROR(context->WithRank(context->input(input++), rank, &shape));
  }
  return absl::Status();
}

template <typename T>
T read_scalar(const char* name, const tensorflow::Tensor& tensor) {
  check_shape(name, tensor, {});
  return tensor.scalar<T>()();
}

/// The frames of a batch from frame_splits [nframes + 1], checked.
inline FrameSplits read_frames(const tensorflow::Tensor& splits, int64_t natoms) {
  const int nframes = int(count_rows("frame_splits", splits));
  const int* values = splits.flat<int>().data();
  check_frame_splits(nframes, values, natoms);
  return {nframes, values};
}

/// Edges from edge_splits [ncenters + 1] and neighbor [nedge]; the neighbors have not been checked.
template <typename Device>
EdgeList read_edges(const tensorflow::Tensor& edge_splits, const tensorflow::Tensor& neighbor, int64_t natoms) {
  const int64_t ncenters = count_rows("edge_splits", edge_splits);
  check_shape("neighbor", neighbor, {-1});
  const EdgeList edges{ncenters, natoms, neighbor.dim_size(0), edge_splits.flat<int64_t>().data(),
                       neighbor.flat<int>().data()};
  check_edge_natoms(edges);
  if constexpr (kOnHost<Device>) check_edge_splits(ncenters, edges.edge_splits, edges.nedge);
  return edges;
}

inline void check_types_of(const tensorflow::Tensor& type, int ntypes) {
  const auto types = type.vec<int>();
  for (int64_t i = 0; i < types.size(); ++i) {
    if (types(i) < 0 || types(i) >= ntypes) {
      throw InputError("atom " + std::to_string(i) + ": expected a type in [0, " + std::to_string(ntypes) + "), got " +
                       std::to_string(types(i)));
    }
  }
}

inline void check_neighbors_in(const tensorflow::Tensor& neighbor, int64_t nall) {
  const auto neighbors = neighbor.vec<int>();
  for (int64_t e = 0; e < neighbors.size(); ++e) {
    if (neighbors(e) < 0 || neighbors(e) >= nall) {
      throw InputError("edge " + std::to_string(e) + ": expected a neighbor in [0, " + std::to_string(nall) +
                       "), got " + std::to_string(neighbors(e)));
    }
  }
}

/// Edges and the types of their ends, checked; type [nall], of which centers are the first.
template <typename Device>
EdgeTypes read_edge_types(const tensorflow::Tensor& splits, const tensorflow::Tensor& neighbor,
                          const tensorflow::Tensor& type, int ntypes) {
  check_shape("neighbor", neighbor, {-1});
  check_shape("type", type, {-1});
  const int64_t ncenters = count_rows("edge_splits", splits), nall = type.dim_size(0);
  if (ncenters > nall) throw InputError("type: expected at least one for every center");
  if constexpr (kOnHost<Device>) {
    check_splits("edge_splits", splits, neighbor.dim_size(0));
    check_types_of(type, ntypes);
    check_neighbors_in(neighbor, nall);
  }
  return {ncenters, neighbor.dim_size(0), splits.flat<int64_t>().data(), neighbor.flat<int>().data(),
          type.flat<int>().data()};
}

}  // namespace deepmd::op
