// ProdVirialSeA and ProdVirialSeR, and their transposes ProdVirialSeAGrad and ProdVirialSeRGrad: op and transpose are
// the gradients of each other.
#include "deepmd/virial.h"

#include "slot_op.h"

namespace deepmd::op {

namespace tf = tensorflow;

namespace {

absl::Status infer_virial(tf::shape_inference::InferenceContext* context) {
  TF_RETURN_IF_ERROR(check_slot_ranks(context, 4));
  const auto frames = context->Dim(context->input(3), 0);
  context->set_output(0, context->Matrix(frames, context->MakeDim(9)));
  context->set_output(1, context->Matrix(frames, natoms_dim(context, 4, 1, 9)));
  return absl::Status();
}

template <int kColumns>
absl::Status infer_virial_grad(tf::shape_inference::InferenceContext* context) {
  TF_RETURN_IF_ERROR(check_slot_ranks(context, 5));
  return set_slots_shape(context, 4, kColumns);
}

/// ProdVirialSeA and ProdVirialSeR, or their transposes.
template <typename Device, typename T, int kColumns, bool kTransposed>
class ProdVirial : public SlotOp<Device, kColumns> {
 public:
  using SlotOp<Device, kColumns>::SlotOp;

  void Compute(tf::OpKernelContext* context) override {
    run(context, [&] {
      constexpr int kGeometry = kTransposed ? 2 : 1;  // in_deriv, rij, nlist, natoms
      const tf::Tensor& nlist = context->input(kGeometry + 2);
      const SlotShape shape = this->read_slots(nlist, context->input(kGeometry + 3));
      const T* in_deriv = read_slot_values<T>("in_deriv", context->input(kGeometry), shape, 3 * kColumns);
      const T* rij = read_slot_values<T>("rij", context->input(kGeometry + 1), shape, 3);
      const int* neighbor = nlist.flat<int>().data();
      const Device device = make_device<Device>(context);
      if constexpr (kTransposed) {
        check_shape("grad", context->input(0), {shape.nframes, 9});
        const T* grad_atom = read_atom_values<T>("grad_atom", context->input(1), shape, 9);
        T* grad_net = make<T>(context, 0, {shape.nframes, int64_t(shape.nloc) * shape.nnei * kColumns});
        slot_virial_grad<T, kColumns>(device, shape, context->input(0).flat<T>().data(), grad_atom, in_deriv, rij,
                                      neighbor, grad_net);
      } else {
        const T* net_deriv = read_slot_values<T>("net_deriv", context->input(0), shape, kColumns);
        T* virial = make<T>(context, 0, {shape.nframes, 9});
        T* atom_virial = make<T>(context, 1, {shape.nframes, int64_t(shape.nall) * 9});
        slot_virial<T, kColumns>(device, shape, net_deriv, in_deriv, rij, neighbor, virial, atom_virial);
      }
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

#define DEEPMD_VIRIAL_KERNEL(NAME, T, COLUMNS, TRANSPOSED) \
  DEEPMD_REGISTER(Name(NAME).TypeConstraint<T>("T").HostMemory("natoms"), ProdVirial<Device, T, COLUMNS, TRANSPOSED>)
#define DEEPMD_VIRIAL_KERNELS(T)                               \
  DEEPMD_VIRIAL_KERNEL("ProdVirialSeA", T, kFullRow, false)    \
  DEEPMD_VIRIAL_KERNEL("ProdVirialSeR", T, kRadialRow, false)  \
  DEEPMD_VIRIAL_KERNEL("ProdVirialSeAGrad", T, kFullRow, true) \
  DEEPMD_VIRIAL_KERNEL("ProdVirialSeRGrad", T, kRadialRow, true)
DEEPMD_VIRIAL_KERNELS(float)
DEEPMD_VIRIAL_KERNELS(double)

}  // namespace deepmd::op
