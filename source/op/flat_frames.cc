// FlatFrames: what the placeholders of the contract say of a batch whose atoms stand one after another.
#include <algorithm>

#include "common.h"
#include "deepmd/neighbors.h"

namespace deepmd::op {

namespace tf = tensorflow;

namespace {

absl::Status infer(tf::shape_inference::InferenceContext* context) {
  tf::shape_inference::ShapeHandle type;
  tf::shape_inference::DimensionHandle splits;
  TF_RETURN_IF_ERROR(context->WithRank(context->input(1), 2, &type));
  TF_RETURN_IF_ERROR(context->Add(context->Dim(type, 0), 1, &splits));
  context->set_output(0, context->Vector(splits));
  context->set_output(1, context->Vector(context->Dim(type, 0)));
  return absl::Status();
}

class FlatFrames : public tf::OpKernel {
 public:
  using OpKernel::OpKernel;

  void Compute(tf::OpKernelContext* context) override {
    run(context, [&] {
      const Sizes sizes = read_natoms(context->input(2));
      const bool periodic = read_mesh(context->input(4)) == Boundary::kPeriodic;
      if (sizes.nall != sizes.nloc) {
        throw InputError("natoms: expected no ghost atoms, got nloc " + std::to_string(sizes.nloc) + " and nall " +
                         std::to_string(sizes.nall));
      }
      const tf::Tensor& type = context->input(1);
      check_shape("type", type, {-1, sizes.nloc});
      const int64_t nframes = type.dim_size(0);
      check_shape("coord", context->input(0), {nframes, int64_t(sizes.nloc) * 3});
      if (periodic) check_shape("box", context->input(3), {nframes, 9});
      if (nframes * sizes.nloc > INT32_MAX) {
        throw InputError("coord: " + std::to_string(nframes * sizes.nloc) + " atoms at once are too many");
      }
      auto splits = allocate(context, 0, {nframes + 1})->vec<int>();
      for (int64_t f = 0; f <= nframes; ++f) splits(f) = int(f * sizes.nloc);
      auto repeats = allocate(context, 1, {nframes})->vec<bool>();
      std::fill(repeats.data(), repeats.data() + nframes, periodic);
    });
  }
};

}  // namespace

REGISTER_OP("FlatFrames")
    .Input("coord: double")
    .Input("type: int32")
    .Input("natoms: int32")
    .Input("box: double")
    .Input("mesh: int32")
    .Output("frame_splits: int32")
    .Output("periodic: bool")
    .SetShapeFn(infer)
    .Doc("Where the atoms of each frame begin and whether it is periodic, from the checked inputs of ProdEnvMatA.");

// Of coordinates and cells the shapes alone are read.
DEEPMD_REGISTER(Name("FlatFrames")
                    .HostMemory("type")
                    .HostMemory("natoms")
                    .HostMemory("mesh")
                    .HostMemory("frame_splits")
                    .HostMemory("periodic"),
                FlatFrames)

}  // namespace deepmd::op
