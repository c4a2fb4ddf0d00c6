// ProdForceSeA and ProdForceSeR, and their transposes ProdForceSeAGrad and ProdForceSeRGrad: op and transpose are the
// gradients of each other.
#include "deepmd/force.h"

#include "slot_op.h"

namespace deepmd::op {

namespace tf = tensorflow;

namespace {

absl::Status check_ranks(tf::shape_inference::InferenceContext* context) {
  tf::shape_inference::ShapeHandle shape;
  for (int k = 0; k < 3; ++k) TF_RETURN_IF_ERROR(context->WithRank(context->input(k), 2, &shape));
  return context->WithRank(context->input(3), 1, &shape);
}

absl::Status infer_force(tf::shape_inference::InferenceContext* context) {
  TF_RETURN_IF_ERROR(check_ranks(context));
  context->set_output(0, context->Matrix(context->Dim(context->input(2), 0), natoms_dim(context, 3, 1, 3)));
  return absl::Status();
}

template <int kColumns>
absl::Status infer_force_grad(tf::shape_inference::InferenceContext* context) {
  TF_RETURN_IF_ERROR(check_ranks(context));
  return set_slots_shape(context, 2, kColumns);
}

template <typename Device, typename T, int kColumns>
class ProdForce : public SlotOp<Device, kColumns> {
 public:
  using SlotOp<Device, kColumns>::SlotOp;

  void Compute(tf::OpKernelContext* context) override {
    run(context, [&] {
      const tf::Tensor &net_deriv = context->input(0), &in_deriv = context->input(1), &nlist = context->input(2);
      const SlotShape shape = this->read_slots(nlist, context->input(3));
      const int64_t slots = int64_t(shape.nloc) * shape.nnei;
      check_shape("net_deriv", net_deriv, {shape.nframes, slots * kColumns});
      check_shape("in_deriv", in_deriv, {shape.nframes, slots * kColumns * 3});
      tf::Tensor* force = allocate(context, 0, {shape.nframes, int64_t(shape.nall) * 3});
      slot_force<T, kColumns>(make_device<Device>(context), shape, net_deriv.flat<T>().data(),
                              in_deriv.flat<T>().data(), nlist.flat<int>().data(), force->flat<T>().data());
    });
  }
};

template <typename Device, typename T, int kColumns>
class ProdForceGrad : public SlotOp<Device, kColumns> {
 public:
  using SlotOp<Device, kColumns>::SlotOp;

  void Compute(tf::OpKernelContext* context) override {
    run(context, [&] {
      const tf::Tensor &grad = context->input(0), &in_deriv = context->input(1), &nlist = context->input(2);
      const SlotShape shape = this->read_slots(nlist, context->input(3));
      const int64_t slots = int64_t(shape.nloc) * shape.nnei;
      check_shape("grad", grad, {shape.nframes, int64_t(shape.nall) * 3});
      check_shape("in_deriv", in_deriv, {shape.nframes, slots * kColumns * 3});
      tf::Tensor* grad_net = allocate(context, 0, {shape.nframes, slots * kColumns});
      slot_force_grad<T, kColumns>(make_device<Device>(context), shape, grad.flat<T>().data(),
                                   in_deriv.flat<T>().data(), nlist.flat<int>().data(), grad_net->flat<T>().data());
    });
  }
};

}  // namespace

#define DEEPMD_FORCE_OP(NAME)                 \
  REGISTER_OP(NAME)                           \
      .Attr("T: {float, double} = DT_DOUBLE") \
      .Input("net_deriv: T")                  \
      .Input("in_deriv: T")                   \
      .Input("nlist: int32")                  \
      .Input("natoms: int32")                 \
      .Output("force: T")                     \
      .SetShapeFn(infer_force)
#define DEEPMD_FORCE_GRAD_OP(NAME, COLUMNS)   \
  REGISTER_OP(NAME)                           \
      .Attr("T: {float, double} = DT_DOUBLE") \
      .Input("grad: T")                       \
      .Input("in_deriv: T")                   \
      .Input("nlist: int32")                  \
      .Input("natoms: int32")                 \
      .Output("grad_net: T")                  \
      .SetShapeFn(infer_force_grad<COLUMNS>)

DEEPMD_FORCE_OP("ProdForceSeA")
    .Attr("n_a_sel: int")
    .Attr("n_r_sel: int")
    .Doc("Forces on all atoms from the derivative of the energy with respect to the environment matrix.");
DEEPMD_FORCE_OP("ProdForceSeR").Doc("ProdForceSeA for slots that hold the radial column alone.");
DEEPMD_FORCE_GRAD_OP("ProdForceSeAGrad", kFullRow)
    .Attr("n_a_sel: int")
    .Attr("n_r_sel: int")
    .Doc("The transpose of ProdForceSeA as a linear map of net_deriv.");
DEEPMD_FORCE_GRAD_OP("ProdForceSeRGrad", kRadialRow).Doc("The transpose of ProdForceSeR as a linear map of net_deriv.");

#define DEEPMD_FORCE_KERNEL(NAME, CLASS, T, COLUMNS) \
  DEEPMD_REGISTER(Name(NAME).TypeConstraint<T>("T").HostMemory("natoms"), CLASS<Device, T, COLUMNS>)
#define DEEPMD_FORCE_KERNELS(T)                                       \
  DEEPMD_FORCE_KERNEL("ProdForceSeA", ProdForce, T, kFullRow)         \
  DEEPMD_FORCE_KERNEL("ProdForceSeR", ProdForce, T, kRadialRow)       \
  DEEPMD_FORCE_KERNEL("ProdForceSeAGrad", ProdForceGrad, T, kFullRow) \
  DEEPMD_FORCE_KERNEL("ProdForceSeRGrad", ProdForceGrad, T, kRadialRow)
DEEPMD_FORCE_KERNELS(float)
DEEPMD_FORCE_KERNELS(double)

}  // namespace deepmd::op
