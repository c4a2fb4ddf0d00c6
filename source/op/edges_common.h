#pragma once

#include <initializer_list>
#include <string>

#include "common.h"
#include "deepmd/edges.h"
#include "deepmd/neighbors.h"
#include "deepmd/radial_cells.h"

namespace deepmd::op {

/// Returns InvalidArgument unless the first inputs have these ranks.
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

/// The frames of a batch from the first inputs of an op: coord, type, frame_splits, box and periodic, checked.
inline FrameBatch read_batch(tensorflow::OpKernelContext* context, int ntypes) {
  const tensorflow::Tensor &coord = context->input(0), &type = context->input(1), &box = context->input(3);
  const tensorflow::Tensor& periodic = context->input(4);
  check_shape("type", type, {-1});
  const int64_t natoms = type.dim_size(0);
  check_shape("coord", coord, {natoms, 3});
  const FrameSplits frames = read_frames(context->input(2), natoms);
  check_shape("box", box, {frames.nframes, 9});
  check_shape("periodic", periodic, {frames.nframes});
  FrameBatch batch{};
  batch.nframes = frames.nframes;
  batch.frame_splits = frames.splits;
  batch.coord = coord.flat<double>().data();
  batch.type = type.flat<int>().data();
  batch.cells = box.flat<double>().data();
  batch.periodic = periodic.flat<bool>().data();
  batch.ntypes = ntypes;
  return batch;
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

/// Edges and the types of their ends, checked; type [nall], of which centers are the first.
template <typename Device>
EdgeTypes read_edge_types(const tensorflow::Tensor& splits, const tensorflow::Tensor& neighbor,
                          const tensorflow::Tensor& type, int ntypes) {
  check_shape("type", type, {-1});
  const int64_t ncenters = count_rows("edge_splits", splits), nall = type.dim_size(0);
  if (ncenters > nall) {
    throw InputError("type: expected at least one for each of the " + std::to_string(ncenters) + " centers, got " +
                     std::to_string(nall));
  }
  const EdgeList edges = read_edges<Device>(splits, neighbor, nall);
  if constexpr (kOnHost<Device>) {
    check_types(nall, type.flat<int>().data(), ntypes);
    check_edge_neighbors(CpuDevice(), edges);
  }
  return {ncenters, edges.nedge, edges.edge_splits, edges.neighbor, type.flat<int>().data()};
}

}  // namespace deepmd::op
