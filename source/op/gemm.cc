// DenseProduct: the product of two matrices, by kernels for the processor's own instruction set.
#include "deepmd/gemm.h"

#include "common.h"

namespace deepmd::op {

namespace tf = tensorflow;

namespace {

absl::Status infer(tf::shape_inference::InferenceContext* context) {
  tf::shape_inference::ShapeHandle a, b;
  tf::shape_inference::DimensionHandle merged;
  bool transpose_a = false, transpose_b = false;
  TF_RETURN_IF_ERROR(context->GetAttr("transpose_a", &transpose_a));
  TF_RETURN_IF_ERROR(context->GetAttr("transpose_b", &transpose_b));
  TF_RETURN_IF_ERROR(context->WithRank(context->input(0), 2, &a));
  TF_RETURN_IF_ERROR(context->WithRank(context->input(1), 2, &b));
  TF_RETURN_IF_ERROR(
      context->Merge(context->Dim(a, transpose_a ? 0 : 1), context->Dim(b, transpose_b ? 1 : 0), &merged));
  context->set_output(0, context->Matrix(context->Dim(a, transpose_a ? 1 : 0), context->Dim(b, transpose_b ? 0 : 1)));
  return absl::Status();
}

template <typename Device, typename T>
class DenseProduct : public tf::OpKernel {
 public:
  explicit DenseProduct(tf::OpKernelConstruction* context) : OpKernel(context) {
    OP_REQUIRES_OK(context, context->GetAttr("transpose_a", &transpose_a_));
    OP_REQUIRES_OK(context, context->GetAttr("transpose_b", &transpose_b_));
  }

  void Compute(tf::OpKernelContext* context) override {
    run(context, [&] {
      const tf::Tensor &a = context->input(0), &b = context->input(1);
      check_shape("a", a, {-1, -1});
      check_shape("b", b, {-1, -1});
      const Product shape{a.dim_size(transpose_a_ ? 1 : 0), b.dim_size(transpose_b_ ? 0 : 1),
                          a.dim_size(transpose_a_ ? 0 : 1), transpose_a_, transpose_b_};
      check_shape("b", b, {transpose_b_ ? shape.n : shape.k, transpose_b_ ? shape.k : shape.n});
      tf::Tensor* c = allocate(context, 0, {shape.m, shape.n});
      gemm<T>(make_device<Device>(context), shape, a.flat<T>().data(), b.flat<T>().data(), c->flat<T>().data());
    });
  }

 private:
  bool transpose_a_ = false, transpose_b_ = false;
};

}  // namespace

REGISTER_OP("DenseProduct")
    .Attr("T: {float, double}")
    .Attr("transpose_a: bool = false")
    .Attr("transpose_b: bool = false")
    .Input("a: T")
    .Input("b: T")
    .Output("product: T")
    .SetShapeFn(infer)
    .Doc("The product of two matrices.");

DEEPMD_REGISTER(Name("DenseProduct").TypeConstraint<float>("T"), DenseProduct<Device, float>)
DEEPMD_REGISTER(Name("DenseProduct").TypeConstraint<double>("T"), DenseProduct<Device, double>)

}  // namespace deepmd::op
