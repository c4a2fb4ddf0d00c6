// ProdVirialSeA, and ProdVirialSeAGrad, its transpose: each is the gradient of the other.
#include "deepmd/virial.h"

#include "common.h"

namespace deepmd::op {

namespace tf = tensorflow;

namespace {

absl::Status infer_virial(tf::shape_inference::InferenceContext* context) {
  tf::shape_inference::ShapeHandle shape, nlist;
  for (int k = 0; k < 4; ++k) TF_RETURN_IF_ERROR(context->WithRank(context->input(k), 2, &shape));
  TF_RETURN_IF_ERROR(context->WithRank(context->input(3), 2, &nlist));
  TF_RETURN_IF_ERROR(context->WithRank(context->input(4), 1, &shape));
  const auto frames = context->Dim(nlist, 0);
  context->set_output(0, context->Matrix(frames, context->MakeDim(9)));
  context->set_output(1, context->Matrix(frames, natoms_dim(context, 4, 1, 9)));
  return absl::Status();
}

absl::Status infer_virial_grad(tf::shape_inference::InferenceContext* context) {
  tf::shape_inference::ShapeHandle shape, nlist;
  for (int k = 0; k < 5; ++k) TF_RETURN_IF_ERROR(context->WithRank(context->input(k), 2, &shape));
  TF_RETURN_IF_ERROR(context->WithRank(context->input(4), 2, &nlist));
  TF_RETURN_IF_ERROR(context->WithRank(context->input(5), 1, &shape));
  tf::shape_inference::DimensionHandle width;
  TF_RETURN_IF_ERROR(context->Multiply(context->Dim(nlist, 1), 4, &width));
  context->set_output(0, context->Matrix(context->Dim(nlist, 0), width));
  return absl::Status();
}

template <typename T>
class ProdVirialSeA : public tf::OpKernel {
 public:
  explicit ProdVirialSeA(tf::OpKernelConstruction* context) : OpKernel(context), nnei_(read_nnei(context)) {}

  void Compute(tf::OpKernelContext* context) override {
    run(context, [&] {
      const tf::Tensor &net_deriv = context->input(0), &in_deriv = context->input(1), &rij = context->input(2);
      const tf::Tensor& nlist = context->input(3);
      const SlotShape shape = read_slots(nlist, context->input(4), nnei_);
      const int64_t slots = int64_t(shape.nloc) * nnei_;
      check_shape("net_deriv", net_deriv, {shape.nframes, slots * 4});
      check_shape("in_deriv", in_deriv, {shape.nframes, slots * 12});
      check_shape("rij", rij, {shape.nframes, slots * 3});
      tf::Tensor* virial = allocate(context, 0, {shape.nframes, 9});
      tf::Tensor* atom_virial = allocate(context, 1, {shape.nframes, int64_t(shape.nall) * 9});
      virial_se_a<T>(make_device(context), shape, net_deriv.flat<T>().data(), in_deriv.flat<T>().data(),
                     rij.flat<T>().data(), nlist.flat<int>().data(), virial->flat<T>().data(),
                     atom_virial->flat<T>().data());
    });
  }

 private:
  int nnei_;
};

template <typename T>
class ProdVirialSeAGrad : public tf::OpKernel {
 public:
  explicit ProdVirialSeAGrad(tf::OpKernelConstruction* context) : OpKernel(context), nnei_(read_nnei(context)) {}

  void Compute(tf::OpKernelContext* context) override {
    run(context, [&] {
      const tf::Tensor &grad = context->input(0), &grad_atom = context->input(1), &in_deriv = context->input(2);
      const tf::Tensor &rij = context->input(3), &nlist = context->input(4);
      const SlotShape shape = read_slots(nlist, context->input(5), nnei_);
      const int64_t slots = int64_t(shape.nloc) * nnei_;
      check_shape("grad", grad, {shape.nframes, 9});
      check_shape("grad_atom", grad_atom, {shape.nframes, int64_t(shape.nall) * 9});
      check_shape("in_deriv", in_deriv, {shape.nframes, slots * 12});
      check_shape("rij", rij, {shape.nframes, slots * 3});
      tf::Tensor* grad_net = allocate(context, 0, {shape.nframes, slots * 4});
      virial_se_a_grad<T>(make_device(context), shape, grad.flat<T>().data(), grad_atom.flat<T>().data(),
                          in_deriv.flat<T>().data(), rij.flat<T>().data(), nlist.flat<int>().data(),
                          grad_net->flat<T>().data());
    });
  }

 private:
  int nnei_;
};

}  // namespace

REGISTER_OP("ProdVirialSeA")
    .Attr("T: {float, double} = DT_DOUBLE")
    .Input("net_deriv: T")
    .Input("in_deriv: T")
    .Input("rij: T")
    .Input("nlist: int32")
    .Input("natoms: int32")
    .Attr("n_a_sel: int")
    .Attr("n_r_sel: int")
    .Output("virial: T")
    .Output("atom_virial: T")
    .SetShapeFn(infer_virial)
    .Doc("Virials from the derivative of the energy with respect to the environment matrix.");

REGISTER_OP("ProdVirialSeAGrad")
    .Attr("T: {float, double} = DT_DOUBLE")
    .Input("grad: T")
    .Input("grad_atom: T")
    .Input("in_deriv: T")
    .Input("rij: T")
    .Input("nlist: int32")
    .Input("natoms: int32")
    .Attr("n_a_sel: int")
    .Attr("n_r_sel: int")
    .Output("grad_net: T")
    .SetShapeFn(infer_virial_grad)
    .Doc("The transpose of ProdVirialSeA as a linear map of net_deriv.");

#define DEEPMD_VIRIAL_KERNELS(T)                                                                                    \
  REGISTER_KERNEL_BUILDER(Name("ProdVirialSeA").Device(tf::DEVICE_CPU).TypeConstraint<T>("T").HostMemory("natoms"), \
                          ProdVirialSeA<T>);                                                                        \
  REGISTER_KERNEL_BUILDER(                                                                                          \
      Name("ProdVirialSeAGrad").Device(tf::DEVICE_CPU).TypeConstraint<T>("T").HostMemory("natoms"),                 \
      ProdVirialSeAGrad<T>)
DEEPMD_VIRIAL_KERNELS(float);
DEEPMD_VIRIAL_KERNELS(double);

}  // namespace deepmd::op
