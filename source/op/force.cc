// ProdForceSeA, and ProdForceSeAGrad, its transpose: each is the gradient of the other.
#include "deepmd/force.h"

#include "common.h"

namespace deepmd::op {

namespace tf = tensorflow;

namespace {

absl::Status infer_force(tf::shape_inference::InferenceContext* context) {
  tf::shape_inference::ShapeHandle shape, nlist;
  for (int k = 0; k < 3; ++k) TF_RETURN_IF_ERROR(context->WithRank(context->input(k), 2, &shape));
  TF_RETURN_IF_ERROR(context->WithRank(context->input(2), 2, &nlist));
  TF_RETURN_IF_ERROR(context->WithRank(context->input(3), 1, &shape));
  context->set_output(0, context->Matrix(context->Dim(nlist, 0), natoms_dim(context, 3, 1, 3)));
  return absl::Status();
}

absl::Status infer_force_grad(tf::shape_inference::InferenceContext* context) {
  tf::shape_inference::ShapeHandle shape, nlist;
  for (int k = 0; k < 3; ++k) TF_RETURN_IF_ERROR(context->WithRank(context->input(k), 2, &shape));
  TF_RETURN_IF_ERROR(context->WithRank(context->input(2), 2, &nlist));
  TF_RETURN_IF_ERROR(context->WithRank(context->input(3), 1, &shape));
  tf::shape_inference::DimensionHandle width;
  TF_RETURN_IF_ERROR(context->Multiply(context->Dim(nlist, 1), 4, &width));
  context->set_output(0, context->Matrix(context->Dim(nlist, 0), width));
  return absl::Status();
}

template <typename T>
class ProdForceSeA : public tf::OpKernel {
 public:
  explicit ProdForceSeA(tf::OpKernelConstruction* context) : OpKernel(context), nnei_(read_nnei(context)) {}

  void Compute(tf::OpKernelContext* context) override {
    run(context, [&] {
      const tf::Tensor &net_deriv = context->input(0), &in_deriv = context->input(1), &nlist = context->input(2);
      const SlotShape shape = read_slots(nlist, context->input(3), nnei_);
      check_shape("net_deriv", net_deriv, {shape.nframes, int64_t(shape.nloc) * nnei_ * 4});
      check_shape("in_deriv", in_deriv, {shape.nframes, int64_t(shape.nloc) * nnei_ * 12});
      tf::Tensor* force = allocate(context, 0, {shape.nframes, int64_t(shape.nall) * 3});
      force_se_a<T>(make_device(context), shape, net_deriv.flat<T>().data(), in_deriv.flat<T>().data(),
                    nlist.flat<int>().data(), force->flat<T>().data());
    });
  }

 private:
  int nnei_;
};

template <typename T>
class ProdForceSeAGrad : public tf::OpKernel {
 public:
  explicit ProdForceSeAGrad(tf::OpKernelConstruction* context) : OpKernel(context), nnei_(read_nnei(context)) {}

  void Compute(tf::OpKernelContext* context) override {
    run(context, [&] {
      const tf::Tensor &grad = context->input(0), &in_deriv = context->input(1), &nlist = context->input(2);
      const SlotShape shape = read_slots(nlist, context->input(3), nnei_);
      check_shape("grad", grad, {shape.nframes, int64_t(shape.nall) * 3});
      check_shape("in_deriv", in_deriv, {shape.nframes, int64_t(shape.nloc) * nnei_ * 12});
      tf::Tensor* grad_net = allocate(context, 0, {shape.nframes, int64_t(shape.nloc) * nnei_ * 4});
      force_se_a_grad<T>(make_device(context), shape, grad.flat<T>().data(), in_deriv.flat<T>().data(),
                         nlist.flat<int>().data(), grad_net->flat<T>().data());
    });
  }

 private:
  int nnei_;
};

}  // namespace

REGISTER_OP("ProdForceSeA")
    .Attr("T: {float, double} = DT_DOUBLE")
    .Input("net_deriv: T")
    .Input("in_deriv: T")
    .Input("nlist: int32")
    .Input("natoms: int32")
    .Attr("n_a_sel: int")
    .Attr("n_r_sel: int")
    .Output("force: T")
    .SetShapeFn(infer_force)
    .Doc("Forces on all atoms from the derivative of the energy with respect to the environment matrix.");

REGISTER_OP("ProdForceSeAGrad")
    .Attr("T: {float, double} = DT_DOUBLE")
    .Input("grad: T")
    .Input("in_deriv: T")
    .Input("nlist: int32")
    .Input("natoms: int32")
    .Attr("n_a_sel: int")
    .Attr("n_r_sel: int")
    .Output("grad_net: T")
    .SetShapeFn(infer_force_grad)
    .Doc("The transpose of ProdForceSeA as a linear map of net_deriv.");

#define DEEPMD_FORCE_KERNELS(T)                                                                                        \
  REGISTER_KERNEL_BUILDER(Name("ProdForceSeA").Device(tf::DEVICE_CPU).TypeConstraint<T>("T").HostMemory("natoms"),     \
                          ProdForceSeA<T>);                                                                            \
  REGISTER_KERNEL_BUILDER(Name("ProdForceSeAGrad").Device(tf::DEVICE_CPU).TypeConstraint<T>("T").HostMemory("natoms"), \
                          ProdForceSeAGrad<T>)
DEEPMD_FORCE_KERNELS(float);
DEEPMD_FORCE_KERNELS(double);

}  // namespace deepmd::op
