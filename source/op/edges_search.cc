// NeighborEdges and ListedEdges: the edges of a batch of frames, by a search or from a list.
#include <algorithm>

#include "common.h"
#include "deepmd/neighbors.h"
#include "edges_common.h"

namespace deepmd::op {

namespace tf = tensorflow;

namespace {

absl::Status set_edge_outputs(tf::shape_inference::InferenceContext* context,
                              tf::shape_inference::DimensionHandle splits) {
  int ntypes = 0;
  TF_RETURN_IF_ERROR(context->GetAttr("ntypes", &ntypes));
  const auto nedge = context->UnknownDim();
  context->set_output(0, context->Vector(splits));
  context->set_output(1, context->Vector(nedge));
  context->set_output(2, context->Matrix(nedge, 3));
  context->set_output(3, context->Vector(ntypes));
  return absl::Status();
}

absl::Status infer_neighbor_edges(tf::shape_inference::InferenceContext* context) {
  TF_RETURN_IF_ERROR(check_ranks(context, {2, 1, 1, 2, 1, 0}));
  tf::shape_inference::DimensionHandle natoms, splits;
  TF_RETURN_IF_ERROR(context->Merge(context->Dim(context->input(0), 0), context->Dim(context->input(1), 0), &natoms));
  TF_RETURN_IF_ERROR(context->Add(natoms, 1, &splits));
  return set_edge_outputs(context, splits);
}

absl::Status infer_listed_edges(tf::shape_inference::InferenceContext* context) {
  TF_RETURN_IF_ERROR(check_ranks(context, {2, 1, 1, 1, 0}));
  return set_edge_outputs(context, context->Dim(context->input(2), 0));
}

/// What both ops share: the outputs and the attribute.
class EdgesOp : public tf::OpKernel {
 public:
  explicit EdgesOp(tf::OpKernelConstruction* context) : OpKernel(context) {
    OP_REQUIRES_OK(context, context->GetAttr("ntypes", &ntypes_));
  }

  void Compute(tf::OpKernelContext* context) override {
    run(context, [&] { compute(context); });
  }

 protected:
  virtual void compute(tf::OpKernelContext* context) = 0;

  static MakeRoom make_room(tf::OpKernelContext* context) {
    return [context](int64_t nedge) {
      return EdgeRoom{allocate(context, 1, {nedge})->flat<int>().data(),
                      allocate(context, 2, {nedge, 3})->flat<double>().data()};
    };
  }

  static int64_t* make_splits(tf::OpKernelContext* context, int64_t ncenters) {
    return allocate(context, 0, {ncenters + 1})->flat<int64_t>().data();
  }

  void put_most(tf::OpKernelContext* context, const std::vector<int>& most) const {
    std::copy(most.begin(), most.end(), allocate(context, 3, {ntypes_})->flat<int>().data());
  }

  int ntypes_ = 0;
};

template <typename Device>
class NeighborEdges : public EdgesOp {
  using EdgesOp::EdgesOp;

  void compute(tf::OpKernelContext* context) override {
    const tf::Tensor &coord = context->input(0), &type = context->input(1), &box = context->input(3);
    const tf::Tensor& periodic = context->input(4);
    check_shape("type", type, {-1});
    const int64_t natoms = type.dim_size(0);
    check_shape("coord", coord, {natoms, 3});
    const FrameSplits frames = read_frames(context->input(2), natoms);
    check_shape("box", box, {frames.nframes, 9});
    check_shape("periodic", periodic, {frames.nframes});
    const FrameBatch batch{frames.nframes,
                           frames.splits,
                           coord.flat<double>().data(),
                           type.flat<int>().data(),
                           box.flat<double>().data(),
                           periodic.flat<bool>().data(),
                           ntypes_};
    const double rcut = read_scalar<double>("rcut", context->input(5));
    put_most(context, batch_neighbors(make_device<Device>(context), batch, rcut, make_splits(context, natoms),
                                      make_room(context)));
  }
};

template <typename Device>
class ListedEdges : public EdgesOp {
  using EdgesOp::EdgesOp;

  void compute(tf::OpKernelContext* context) override {
    const tf::Tensor &coord = context->input(0), &type = context->input(1);
    const tf::Tensor &splits = context->input(2), &neighbor = context->input(3);
    check_shape("type", type, {-1});
    check_shape("coord", coord, {type.dim_size(0), 3});
    check_shape("list_neighbor", neighbor, {-1});
    const int64_t nloc = count_rows("list_splits", splits);
    const NeighborList list{nloc,
                            type.dim_size(0),
                            coord.flat<double>().data(),
                            type.flat<int>().data(),
                            splits.flat<int64_t>().data(),
                            neighbor.flat<int>().data(),
                            neighbor.dim_size(0),
                            ntypes_};
    const double rcut = read_scalar<double>("rcut", context->input(4));
    put_most(context, listed_neighbors(make_device<Device>(context), list, rcut, make_splits(context, nloc),
                                       make_room(context)));
  }
};

}  // namespace

REGISTER_OP("NeighborEdges")
    .Input("coord: double")
    .Input("type: int32")
    .Input("frame_splits: int32")
    .Input("box: double")
    .Input("periodic: bool")
    .Input("rcut: double")
    .Attr("ntypes: int >= 0")
    .Output("edge_splits: int64")
    .Output("neighbor: int32")
    .Output("edge_vec: double")
    .Output("max_neighbors: int32")
    .SetShapeFn(infer_neighbor_edges)
    .Doc("The neighbors within rcut of every atom of a batch of frames, in compressed rows.");

REGISTER_OP("ListedEdges")
    .Input("coord: double")
    .Input("type: int32")
    .Input("list_splits: int64")
    .Input("list_neighbor: int32")
    .Input("rcut: double")
    .Attr("ntypes: int >= 0")
    .Output("edge_splits: int64")
    .Output("neighbor: int32")
    .Output("edge_vec: double")
    .Output("max_neighbors: int32")
    .SetShapeFn(infer_listed_edges)
    .Doc("Who is within rcut of each of the first atoms, from a neighbor list, in compressed rows.");

DEEPMD_REGISTER(Name("NeighborEdges")
                    .HostMemory("frame_splits")
                    .HostMemory("box")
                    .HostMemory("periodic")
                    .HostMemory("rcut")
                    .HostMemory("max_neighbors"),
                NeighborEdges<Device>)
DEEPMD_REGISTER(Name("ListedEdges").HostMemory("rcut").HostMemory("max_neighbors"), ListedEdges<Device>)

}  // namespace deepmd::op
