// ProdVirialSeA and ProdVirialSeR, and their transposes ProdVirialSeAGrad and ProdVirialSeRGrad: op and transpose are
// the gradients of each other.
#include "deepmd/virial.h"

#include "slot_op.h"

namespace deepmd::op {

namespace tf = tensorflow;

namespace {

/// Matrices, the last of them nlist, and then natoms.
absl::Status check_ranks(tf::shape_inference::InferenceContext* context, int matrices) {
  tf::shape_inference::ShapeHandle shape;
  for (int k = 0; k < matrices; ++k) TF_RETURN_IF_ERROR(context->WithRank(context->input(k), 2, &shape));
  return context->WithRank(context->input(matrices), 1, &shape);
}

absl::Status infer_virial(tf::shape_inference::InferenceContext* context) {
  TF_RETURN_IF_ERROR(check_ranks(context, 4));
  const auto frames = context->Dim(context->input(3), 0);
  context->set_output(0, context->Matrix(frames, context->MakeDim(9)));
  context->set_output(1, context->Matrix(frames, natoms_dim(context, 4, 1, 9)));
  return absl::Status();
}

template <int kColumns>
absl::Status infer_virial_grad(tf::shape_inference::InferenceContext* context) {
  TF_RETURN_IF_ERROR(check_ranks(context, 5));
  return set_slots_shape(context, 4, kColumns);
}

template <typename Device, typename T, int kColumns>
class ProdVirial : public SlotOp<Device, kColumns> {
 public:
  using SlotOp<Device, kColumns>::SlotOp;

  void Compute(tf::OpKernelContext* context) override {
    run(context, [&] {
      const tf::Tensor &net_deriv = context->input(0), &in_deriv = context->input(1), &rij = context->input(2);
      const tf::Tensor& nlist = context->input(3);
      const SlotShape shape = this->read_slots(nlist, context->input(4));
      const int64_t slots = int64_t(shape.nloc) * shape.nnei;
      check_shape("net_deriv", net_deriv, {shape.nframes, slots * kColumns});
      check_shape("in_deriv", in_deriv, {shape.nframes, slots * kColumns * 3});
      check_shape("rij", rij, {shape.nframes, slots * 3});
      tf::Tensor* virial = allocate(context, 0, {shape.nframes, 9});
      tf::Tensor* atom_virial = allocate(context, 1, {shape.nframes, int64_t(shape.nall) * 9});
      slot_virial<T, kColumns>(make_device<Device>(context), shape, net_deriv.flat<T>().data(),
                               in_deriv.flat<T>().data(), rij.flat<T>().data(), nlist.flat<int>().data(),
                               virial->flat<T>().data(), atom_virial->flat<T>().data());
    });
  }
};

template <typename Device, typename T, int kColumns>
class ProdVirialGrad : public SlotOp<Device, kColumns> {
 public:
  using SlotOp<Device, kColumns>::SlotOp;

  void Compute(tf::OpKernelContext* context) override {
    run(context, [&] {
      const tf::Tensor &grad = context->input(0), &grad_atom = context->input(1), &in_deriv = context->input(2);
      const tf::Tensor &rij = context->input(3), &nlist = context->input(4);
      const SlotShape shape = this->read_slots(nlist, context->input(5));
      const int64_t slots = int64_t(shape.nloc) * shape.nnei;
      check_shape("grad", grad, {shape.nframes, 9});
      check_shape("grad_atom", grad_atom, {shape.nframes, int64_t(shape.nall) * 9});
      check_shape("in_deriv", in_deriv, {shape.nframes, slots * kColumns * 3});
      check_shape("rij", rij, {shape.nframes, slots * 3});
      tf::Tensor* grad_net = allocate(context, 0, {shape.nframes, slots * kColumns});
      slot_virial_grad<T, kColumns>(make_device<Device>(context), shape, grad.flat<T>().data(),
                                    grad_atom.flat<T>().data(), in_deriv.flat<T>().data(), rij.flat<T>().data(),
                                    nlist.flat<int>().data(), grad_net->flat<T>().data());
    });
  }
};

}  // namespace

#define DEEPMD_VIRIAL_OP(NAME)                \
  REGISTER_OP(NAME)                           \
      .Attr("T: {float, double} = DT_DOUBLE") \
      .Input("net_deriv: T")                  \
      .Input("in_deriv: T")                   \
      .Input("rij: T")                        \
      .Input("nlist: int32")                  \
      .Input("natoms: int32")                 \
      .Output("virial: T")                    \
      .Output("atom_virial: T")               \
      .SetShapeFn(infer_virial)
#define DEEPMD_VIRIAL_GRAD_OP(NAME, COLUMNS)  \
  REGISTER_OP(NAME)                           \
      .Attr("T: {float, double} = DT_DOUBLE") \
      .Input("grad: T")                       \
      .Input("grad_atom: T")                  \
      .Input("in_deriv: T")                   \
      .Input("rij: T")                        \
      .Input("nlist: int32")                  \
      .Input("natoms: int32")                 \
      .Output("grad_net: T")                  \
      .SetShapeFn(infer_virial_grad<COLUMNS>)

DEEPMD_VIRIAL_OP("ProdVirialSeA")
    .Attr("n_a_sel: int")
    .Attr("n_r_sel: int")
    .Doc("Virials from the derivative of the energy with respect to the environment matrix.");
DEEPMD_VIRIAL_OP("ProdVirialSeR").Doc("ProdVirialSeA for slots that hold the radial column alone.");
DEEPMD_VIRIAL_GRAD_OP("ProdVirialSeAGrad", kFullRow)
    .Attr("n_a_sel: int")
    .Attr("n_r_sel: int")
    .Doc("The transpose of ProdVirialSeA as a linear map of net_deriv.");
DEEPMD_VIRIAL_GRAD_OP("ProdVirialSeRGrad", kRadialRow)
    .Doc("The transpose of ProdVirialSeR as a linear map of net_deriv.");

#define DEEPMD_VIRIAL_KERNEL(NAME, CLASS, T, COLUMNS) \
  DEEPMD_REGISTER(Name(NAME).TypeConstraint<T>("T").HostMemory("natoms"), CLASS<Device, T, COLUMNS>)
#define DEEPMD_VIRIAL_KERNELS(T)                                         \
  DEEPMD_VIRIAL_KERNEL("ProdVirialSeA", ProdVirial, T, kFullRow)         \
  DEEPMD_VIRIAL_KERNEL("ProdVirialSeR", ProdVirial, T, kRadialRow)       \
  DEEPMD_VIRIAL_KERNEL("ProdVirialSeAGrad", ProdVirialGrad, T, kFullRow) \
  DEEPMD_VIRIAL_KERNEL("ProdVirialSeRGrad", ProdVirialGrad, T, kRadialRow)
DEEPMD_VIRIAL_KERNELS(float)
DEEPMD_VIRIAL_KERNELS(double)

}  // namespace deepmd::op
