// ProdForceSeA and ProdForceSeR, and their transposes ProdForceSeAGrad and ProdForceSeRGrad: op and transpose are the
// gradients of each other.
#include "deepmd/force.h"

#include "slot_op.h"

namespace deepmd::op {

namespace tf = tensorflow;

namespace {

absl::Status infer_force(tf::shape_inference::InferenceContext* context) {
  TF_RETURN_IF_ERROR(check_slot_ranks(context, 3));
  context->set_output(0, context->Matrix(context->Dim(context->input(2), 0), natoms_dim(context, 3, 1, 3)));
  return absl::Status();
}

template <int kColumns>
absl::Status infer_force_grad(tf::shape_inference::InferenceContext* context) {
  TF_RETURN_IF_ERROR(check_slot_ranks(context, 3));
  return set_slots_shape(context, 2, kColumns);
}

/// ProdForceSeA and ProdForceSeR, or their transposes.
template <typename Device, typename T, int kColumns, bool kTransposed>
class ProdForce : public SlotOp<Device, kColumns> {
 public:
  using SlotOp<Device, kColumns>::SlotOp;

  void Compute(tf::OpKernelContext* context) override {
    run(context, [&] {
      const tf::Tensor& nlist = context->input(2);
      const SlotShape shape = this->read_slots(nlist, context->input(3));
      const T* in_deriv = read_slot_values<T>("in_deriv", context->input(1), shape, 3 * kColumns);
      const Device device = make_device<Device>(context);
      if constexpr (kTransposed) {
        const T* grad = read_atom_values<T>("grad", context->input(0), shape, 3);
        T* grad_net = make<T>(context, 0, {shape.nframes, int64_t(shape.nloc) * shape.nnei * kColumns});
        slot_force_grad<T, kColumns>(device, shape, grad, in_deriv, nlist.flat<int>().data(), grad_net);
      } else {
        const T* net_deriv = read_slot_values<T>("net_deriv", context->input(0), shape, kColumns);
        T* force = make<T>(context, 0, {shape.nframes, int64_t(shape.nall) * 3});
        slot_force<T, kColumns>(device, shape, net_deriv, in_deriv, nlist.flat<int>().data(), force);
      }
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

#define DEEPMD_FORCE_KERNEL(NAME, T, COLUMNS, TRANSPOSED) \
  DEEPMD_REGISTER(Name(NAME).TypeConstraint<T>("T").HostMemory("natoms"), ProdForce<Device, T, COLUMNS, TRANSPOSED>)
#define DEEPMD_FORCE_KERNELS(T)                              \
  DEEPMD_FORCE_KERNEL("ProdForceSeA", T, kFullRow, false)    \
  DEEPMD_FORCE_KERNEL("ProdForceSeR", T, kRadialRow, false)  \
  DEEPMD_FORCE_KERNEL("ProdForceSeAGrad", T, kFullRow, true) \
  DEEPMD_FORCE_KERNEL("ProdForceSeRGrad", T, kRadialRow, true)
DEEPMD_FORCE_KERNELS(float)
DEEPMD_FORCE_KERNELS(double)

}  // namespace deepmd::op
