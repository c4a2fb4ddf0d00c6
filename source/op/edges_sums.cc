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

/// Edges from the inputs number `first` and the next, checked.
template <typename Device, typename... Frames>
EdgeList read_checked(tf::OpKernelContext* context, const Device& device, int first, int64_t natoms,
                      const Frames&... frames) {
  const EdgeList edges = read_edges<Device>(context->input(first), context->input(first + 1), natoms);
  if constexpr (kOnHost<Device>) check_edge_neighbors(device, edges, frames...);
  return edges;
}

const double* read(tf::OpKernelContext* context, int index, const char* name, std::initializer_list<int64_t> shape) {
  check_shape(name, context->input(index), shape);
  return context->input(index).flat<double>().data();
}

/// EdgeForce, or its transpose.
template <typename Device, bool kTransposed>
class EdgeForce : public tf::OpKernel {
 public:
  using OpKernel::OpKernel;

  void Compute(tf::OpKernelContext* context) override {
    run(context, [&] {
      const Device device = make_device<Device>(context);
      const int natoms = read_scalar<int>("natoms", context->input(3));
      const EdgeList edges = read_checked(context, device, 1, natoms);
      if constexpr (kTransposed) {
        const double* grad = read(context, 0, "grad", {natoms, 3});
        edge_force_grad(device, edges, grad, make<double>(context, 0, {edges.nedge, 3}));
      } else {
        const double* edge_grad = read(context, 0, "edge_grad", {edges.nedge, 3});
        edge_force(device, edges, edge_grad, make<double>(context, 0, {natoms, 3}));
      }
    });
  }
};

/// The frames of a batch from frame_splits; its last entry is the number of atoms.
FrameSplits read_all_frames(const tf::Tensor& splits) {
  const int64_t nframes = count_rows("frame_splits", splits);
  return read_frames(splits, splits.flat<int>().data()[nframes]);
}

/// The frames in memory of the device.
template <typename Device>
FrameSplits frames_on(const Device& device, const FrameSplits& frames) {
  if constexpr (kOnHost<Device>) {
    return frames;
  } else {
    return {frames.nframes, copy_to_device(device, frames.splits, frames.nframes + 1)};
  }
}

/// EdgeVirial, or its transpose.
template <typename Device, bool kTransposed>
class EdgeVirial : public tf::OpKernel {
 public:
  using OpKernel::OpKernel;

  void Compute(tf::OpKernelContext* context) override {
    run(context, [&] {
      constexpr int kVec = kTransposed ? 2 : 1;  // edge_vec, then the edges, then the frames
      const Device device = make_device<Device>(context);
      const FrameSplits frames = read_all_frames(context->input(kVec + 3));
      const int64_t natoms = frames.splits[frames.nframes];
      const EdgeList edges = read_checked(context, device, kVec + 1, natoms, frames);
      const double* edge_vec = read(context, kVec, "edge_vec", {edges.nedge, 3});
      if constexpr (kTransposed) {
        const double* grad = read(context, 0, "grad", {frames.nframes, 9});
        const double* grad_atom = read(context, 1, "grad_atom", {natoms, 9});
        double* edge_grad = make<double>(context, 0, {edges.nedge, 3});
        edge_virial_grad(device, edges, frames_on(device, frames), grad, grad_atom, edge_vec, edge_grad);
      } else {
        const double* edge_grad = read(context, 0, "edge_grad", {edges.nedge, 3});
        double* virial = make<double>(context, 0, {frames.nframes, 9});
        double* atom_virial = make<double>(context, 1, {natoms, 9});
        edge_virial(device, edges, frames_on(device, frames), edge_grad, edge_vec, virial, atom_virial);
      }
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

DEEPMD_REGISTER(Name("EdgeForce").HostMemory("natoms"), EdgeForce<Device, false>)
DEEPMD_REGISTER(Name("EdgeForceGrad").HostMemory("natoms"), EdgeForce<Device, true>)
DEEPMD_REGISTER(Name("EdgeVirial").HostMemory("frame_splits"), EdgeVirial<Device, false>)
DEEPMD_REGISTER(Name("EdgeVirialGrad").HostMemory("frame_splits"), EdgeVirial<Device, true>)

}  // namespace deepmd::op
