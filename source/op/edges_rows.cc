// EdgeRows, EdgeRowsGrad (the transpose of its derivative) and EdgeRowsTangent (its derivative along a direction).
#include "edges_common.h"

namespace deepmd::op {

namespace tf = tensorflow;

namespace {

/// The numbers per edge of an op's first input, or zero where that is edge_vec, and of its output.
struct RowsOp {
  const char* input;
  int input_width;
  int output_width;
};

constexpr RowsOp kRows{nullptr, 0, 4}, kRowsGrad{"rows_grad", 4, 3}, kRowsTangent{"v", 3, 4};

template <const RowsOp& kOp>
absl::Status infer_rows(tf::shape_inference::InferenceContext* context) {
  constexpr int kFirst = kOp.input == nullptr ? 0 : 1;
  constexpr int kRanks[8] = {2, 1, 1, 1, 1, 1, 0, 0};
  tf::shape_inference::ShapeHandle shape;
  for (int k = 0; k < 8; ++k) TF_RETURN_IF_ERROR(context->WithRank(context->input(kFirst + k), kRanks[k], &shape));
  tf::shape_inference::DimensionHandle nedge = context->Dim(context->input(kFirst), 0);
  if (kFirst == 1) {
    TF_RETURN_IF_ERROR(context->WithRank(context->input(0), 2, &shape));
    TF_RETURN_IF_ERROR(context->Merge(nedge, context->Dim(shape, 0), &nedge));
  }
  context->set_output(0, context->Matrix(nedge, kOp.output_width));
  return absl::Status();
}

/// The edges that `context` gives from input `first` on, checked.
template <typename Device>
EdgeRows read_rows(tf::OpKernelContext* context, int first) {
  const tf::Tensor &edge_vec = context->input(first), &edge_splits = context->input(first + 1);
  const tf::Tensor &type = context->input(first + 2), &avg = context->input(first + 3);
  const int64_t ncenters = count_rows("edge_splits", edge_splits);
  check_shape("edge_vec", edge_vec, {-1, 3});
  if constexpr (kOnHost<Device>) {
    check_edge_splits(ncenters, edge_splits.flat<int64_t>().data(), edge_vec.dim_size(0));
  }
  check_shape("type", type, {-1});
  if (type.dim_size(0) < ncenters) {
    throw InputError("type: expected one for each of the " + std::to_string(ncenters) + " centers, got " +
                     std::to_string(type.dim_size(0)));
  }
  check_shape("avg", avg, {-1});
  const int64_t ntypes = avg.dim_size(0);
  check_shape("std_radial", context->input(first + 4), {ntypes});
  check_shape("std_angular", context->input(first + 5), {ntypes});
  const double rcut = read_scalar<double>("rcut", context->input(first + 6));
  const double rcut_smth = read_scalar<double>("rcut_smth", context->input(first + 7));
  EdgeRows edges{};
  edges.ncenters = ncenters;
  edges.nedge = edge_vec.dim_size(0);
  edges.edge_splits = edge_splits.flat<int64_t>().data();
  edges.type = type.flat<int>().data();
  edges.edge_vec = edge_vec.flat<double>().data();
  edges.ntypes = int(ntypes);
  edges.avg = avg.flat<double>().data();
  edges.std_radial = context->input(first + 4).flat<double>().data();
  edges.std_angular = context->input(first + 5).flat<double>().data();
  edges.cutoff = {rcut_smth, rcut};
  return edges;
}

template <typename Device, const RowsOp& kOp>
class EdgeRowsKernel : public tf::OpKernel {
 public:
  using OpKernel::OpKernel;

  void Compute(tf::OpKernelContext* context) override {
    run(context, [&] {
      constexpr bool kInput = kOp.input != nullptr;
      const EdgeRows edges = read_rows<Device>(context, kInput ? 1 : 0);
      if (kInput) check_shape(kOp.input, context->input(0), {edges.nedge, kOp.input_width});
      const double* input = context->input(0).flat<double>().data();
      double* output = allocate(context, 0, {edges.nedge, kOp.output_width})->flat<double>().data();
      const Device device = make_device<Device>(context);
      if constexpr (&kOp == &kRows) edge_rows(device, edges, output);
      if constexpr (&kOp == &kRowsGrad) edge_rows_grad(device, edges, input, output);
      if constexpr (&kOp == &kRowsTangent) edge_rows_tangent(device, edges, input, output);
    });
  }
};

}  // namespace

#define DEEPMD_EDGE_ROWS_INPUTS(OP) \
  OP.Input("edge_vec: double")      \
      .Input("edge_splits: int64")  \
      .Input("type: int32")         \
      .Input("avg: double")         \
      .Input("std_radial: double")  \
      .Input("std_angular: double") \
      .Input("rcut: double")        \
      .Input("rcut_smth: double")

DEEPMD_EDGE_ROWS_INPUTS(REGISTER_OP("EdgeRows"))
    .Output("rows: double")
    .SetShapeFn(infer_rows<kRows>)
    .Doc("Normalized environment rows of edges.");

DEEPMD_EDGE_ROWS_INPUTS(REGISTER_OP("EdgeRowsGrad").Input("rows_grad: double"))
    .Output("edge_grad: double")
    .SetShapeFn(infer_rows<kRowsGrad>)
    .Doc("The transpose of the derivative of EdgeRows with respect to edge_vec.");

DEEPMD_EDGE_ROWS_INPUTS(REGISTER_OP("EdgeRowsTangent").Input("v: double"))
    .Output("rows_tangent: double")
    .SetShapeFn(infer_rows<kRowsTangent>)
    .Doc("The derivative of EdgeRows along v.");

#define DEEPMD_EDGE_ROWS_KERNEL(NAME, OP) \
  DEEPMD_REGISTER(Name(NAME).HostMemory("rcut").HostMemory("rcut_smth"), EdgeRowsKernel<Device, OP>)
DEEPMD_EDGE_ROWS_KERNEL("EdgeRows", kRows)
DEEPMD_EDGE_ROWS_KERNEL("EdgeRowsGrad", kRowsGrad)
DEEPMD_EDGE_ROWS_KERNEL("EdgeRowsTangent", kRowsTangent)

}  // namespace deepmd::op
