// EdgeForce and EdgeVirial, and their transposes EdgeForceGrad and EdgeVirialGrad: each is the gradient of the other.
#include "edges_common.h"

namespace deepmd::op {

namespace tf = tensorflow;

namespace {

absl::Status infer_force(tf::shape_inference::InferenceContext* context) {
  TF_RETURN_IF_ERROR(check_ranks(context, {2, 1, 1, 0}));
  tf::shape_inference::DimensionHandle natoms;
  TF_RETURN_IF_ERROR(context->MakeDimForScalarInput(3, &natoms));
  context->set_output(0, context->Matrix(natoms, 3));
  return absl::Status();
}

absl::Status infer_force_grad(tf::shape_inference::InferenceContext* context) {
  TF_RETURN_IF_ERROR(check_ranks(context, {2, 1, 1, 0}));
  context->set_output(0, context->Matrix(context->Dim(context->input(2), 0), 3));
  return absl::Status();
}

absl::Status infer_virial(tf::shape_inference::InferenceContext* context) {
  TF_RETURN_IF_ERROR(check_ranks(context, {2, 2, 1, 1, 1}));
  tf::shape_inference::DimensionHandle nframes;
  TF_RETURN_IF_ERROR(context->Subtract(context->Dim(context->input(4), 0), 1, &nframes));
  context->set_output(0, context->Matrix(nframes, 9));
  context->set_output(1, context->Matrix(context->UnknownDim(), 9));
  return absl::Status();
}

absl::Status infer_virial_grad(tf::shape_inference::InferenceContext* context) {
  TF_RETURN_IF_ERROR(check_ranks(context, {2, 2, 2, 1, 1, 1}));
  context->set_output(0, context->Matrix(context->Dim(context->input(4), 0), 3));
  return absl::Status();
}

template <typename Device>
class EdgeForce : public tf::OpKernel {
 public:
  using OpKernel::OpKernel;

  void Compute(tf::OpKernelContext* context) override {
    run(context, [&] {
      const Device device = make_device<Device>(context);
      const int natoms = read_scalar<int>("natoms", context->input(3));
      const EdgeList edges = read_edges<Device>(context->input(1), context->input(2), natoms);
      if constexpr (kOnHost<Device>) check_edge_neighbors(device, edges);
      check_shape("edge_grad", context->input(0), {edges.nedge, 3});
      double* force = allocate(context, 0, {natoms, 3})->flat<double>().data();
      edge_force(device, edges, context->input(0).flat<double>().data(), force);
    });
  }
};

template <typename Device>
class EdgeForceGrad : public tf::OpKernel {
 public:
  using OpKernel::OpKernel;

  void Compute(tf::OpKernelContext* context) override {
    run(context, [&] {
      const Device device = make_device<Device>(context);
      const int natoms = read_scalar<int>("natoms", context->input(3));
      const EdgeList edges = read_edges<Device>(context->input(1), context->input(2), natoms);
      if constexpr (kOnHost<Device>) check_edge_neighbors(device, edges);
      check_shape("grad", context->input(0), {natoms, 3});
      double* edge_grad = allocate(context, 0, {edges.nedge, 3})->flat<double>().data();
      edge_force_grad(device, edges, context->input(0).flat<double>().data(), edge_grad);
    });
  }
};

/// The frames of a batch from frame_splits, which says by itself how many atoms there are.
FrameSplits read_all_frames(const tf::Tensor& splits) {
  const int64_t nframes = count_rows("frame_splits", splits);
  return read_frames(splits, splits.flat<int>().data()[nframes]);
}

/// The frames, which the op reads, where the kernel reads them.
template <typename Device>
FrameSplits frames_on(const Device& device, const FrameSplits& frames) {
  if constexpr (kOnHost<Device>) {
    return frames;
  } else {
    return {frames.nframes, copy_to_device(device, frames.splits, frames.nframes + 1)};
  }
}

template <typename Device>
class EdgeVirial : public tf::OpKernel {
 public:
  using OpKernel::OpKernel;

  void Compute(tf::OpKernelContext* context) override {
    run(context, [&] {
      const Device device = make_device<Device>(context);
      const FrameSplits frames = read_all_frames(context->input(4));
      const int64_t natoms = frames.splits[frames.nframes];
      const EdgeList edges = read_edges<Device>(context->input(2), context->input(3), natoms);
      if constexpr (kOnHost<Device>) check_edge_neighbors(device, edges, frames);
      check_shape("edge_grad", context->input(0), {edges.nedge, 3});
      check_shape("edge_vec", context->input(1), {edges.nedge, 3});
      double* virial = allocate(context, 0, {frames.nframes, 9})->flat<double>().data();
      double* atom_virial = allocate(context, 1, {natoms, 9})->flat<double>().data();
      edge_virial(device, edges, frames_on(device, frames), context->input(0).flat<double>().data(),
                  context->input(1).flat<double>().data(), virial, atom_virial);
    });
  }
};

template <typename Device>
class EdgeVirialGrad : public tf::OpKernel {
 public:
  using OpKernel::OpKernel;

  void Compute(tf::OpKernelContext* context) override {
    run(context, [&] {
      const Device device = make_device<Device>(context);
      const FrameSplits frames = read_all_frames(context->input(5));
      const int64_t natoms = frames.splits[frames.nframes];
      const EdgeList edges = read_edges<Device>(context->input(3), context->input(4), natoms);
      if constexpr (kOnHost<Device>) check_edge_neighbors(device, edges, frames);
      check_shape("grad", context->input(0), {frames.nframes, 9});
      check_shape("grad_atom", context->input(1), {natoms, 9});
      check_shape("edge_vec", context->input(2), {edges.nedge, 3});
      double* edge_grad = allocate(context, 0, {edges.nedge, 3})->flat<double>().data();
      edge_virial_grad(device, edges, frames_on(device, frames), context->input(0).flat<double>().data(),
                       context->input(1).flat<double>().data(), context->input(2).flat<double>().data(), edge_grad);
    });
  }
};

}  // namespace

REGISTER_OP("EdgeForce")
    .Input("edge_grad: double")
    .Input("edge_splits: int64")
    .Input("neighbor: int32")
    .Input("natoms: int32")
    .Output("force: double")
    .SetShapeFn(infer_force)
    .Doc("Forces on all atoms from the derivative of the energy with respect to the edges.");

REGISTER_OP("EdgeForceGrad")
    .Input("grad: double")
    .Input("edge_splits: int64")
    .Input("neighbor: int32")
    .Input("natoms: int32")
    .Output("edge_grad: double")
    .SetShapeFn(infer_force_grad)
    .Doc("The transpose of EdgeForce.");

REGISTER_OP("EdgeVirial")
    .Input("edge_grad: double")
    .Input("edge_vec: double")
    .Input("edge_splits: int64")
    .Input("neighbor: int32")
    .Input("frame_splits: int32")
    .Output("virial: double")
    .Output("atom_virial: double")
    .SetShapeFn(infer_virial)
    .Doc("Virials from the derivative of the energy with respect to the edges.");

REGISTER_OP("EdgeVirialGrad")
    .Input("grad: double")
    .Input("grad_atom: double")
    .Input("edge_vec: double")
    .Input("edge_splits: int64")
    .Input("neighbor: int32")
    .Input("frame_splits: int32")
    .Output("edge_grad: double")
    .SetShapeFn(infer_virial_grad)
    .Doc("The transpose of EdgeVirial as a linear map of edge_grad.");

DEEPMD_REGISTER(Name("EdgeForce").HostMemory("natoms"), EdgeForce<Device>)
DEEPMD_REGISTER(Name("EdgeForceGrad").HostMemory("natoms"), EdgeForceGrad<Device>)
DEEPMD_REGISTER(Name("EdgeVirial").HostMemory("frame_splits"), EdgeVirial<Device>)
DEEPMD_REGISTER(Name("EdgeVirialGrad").HostMemory("frame_splits"), EdgeVirialGrad<Device>)

}  // namespace deepmd::op
