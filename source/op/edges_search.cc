// NeighborEdges: the edges of a batch of frames, found by a search.
#include <algorithm>

#include "common.h"
#include "deepmd/neighbors.h"
#include "edges_common.h"

namespace deepmd::op {

namespace tf = tensorflow;

namespace {

absl::Status infer(tf::shape_inference::InferenceContext* context) {
  TF_RETURN_IF_ERROR(check_ranks(context, {2, 1, 1, 2, 1, 0}));
  int ntypes = 0;
  TF_RETURN_IF_ERROR(context->GetAttr("ntypes", &ntypes));
  tf::shape_inference::DimensionHandle natoms, splits;
  TF_RETURN_IF_ERROR(context->Merge(context->Dim(context->input(0), 0), context->Dim(context->input(1), 0), &natoms));
  TF_RETURN_IF_ERROR(context->Add(natoms, 1, &splits));
  const auto nedge = context->UnknownDim();
  context->set_output(0, context->Vector(splits));
  context->set_output(1, context->Vector(nedge));
  context->set_output(2, context->Matrix(nedge, 3));
  context->set_output(3, context->Vector(ntypes));
  return absl::Status();
}

template <typename Device>
class NeighborEdges : public tf::OpKernel {
 public:
  explicit NeighborEdges(tf::OpKernelConstruction* context) : OpKernel(context) {
    OP_REQUIRES_OK(context, context->GetAttr("ntypes", &ntypes_));
  }

  void Compute(tf::OpKernelContext* context) override {
    run(context, [&] {
      const FrameBatch batch = read_batch(context, ntypes_);
      const double rcut = read_scalar<double>("rcut", context->input(5));
      int64_t* splits = make<int64_t>(context, 0, {batch.frame_splits[batch.nframes] + 1});
      const auto make_room = [context](int64_t nedge) {
        return EdgeRoom{make<int32_t>(context, 1, {nedge}), make<double>(context, 2, {nedge, 3})};
      };
      const std::vector<int> max_neighbors =
          batch_neighbors(make_device<Device>(context), batch, rcut, splits, make_room);
      std::copy(max_neighbors.begin(), max_neighbors.end(), make<int>(context, 3, {ntypes_}));
    });
  }

 private:
  int ntypes_ = 0;
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
    .SetShapeFn(infer)
    .Doc("The neighbors within rcut of every atom of a batch of frames, in compressed rows.");

DEEPMD_REGISTER(Name("NeighborEdges")
                    .HostMemory("frame_splits")
                    .HostMemory("box")
                    .HostMemory("periodic")
                    .HostMemory("rcut")
                    .HostMemory("max_neighbors"),
                NeighborEdges<Device>)
}  // namespace deepmd::op
