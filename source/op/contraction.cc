// ContractCells: environment rows contracted with an embedding that is a polynomial on every cell; its derivatives by
// the rows and by the polynomials, and the derivatives of the former, which training on forces needs.
#include "deepmd/contraction.h"

#include "common.h"

namespace deepmd::op {

namespace tf = tensorflow;

namespace {

// Every op takes what it maps (t_grad, v, table as it needs them) and then the same geometry.
enum Geometry { kRows, kStart, kWidth, kRunSplits, kRunEdges, kRunCell, kRunCentre, kCellSplits, kCellRuns };

void check_indices(const char* name, const tf::Tensor& tensor, int64_t count, int64_t end) {
  check_shape(name, tensor, {count});
  const auto values = tensor.vec<int>();
  for (int64_t k = 0; k < count; ++k) {
    if (values(k) < 0 || values(k) >= end) {
      throw InputError(std::string(name) + ": expected entries in [0, " + std::to_string(end) + "), got " +
                       std::to_string(values(k)));
    }
  }
}

/// The geometry, from input number `first` on, checked.
Contraction read_geometry(tf::OpKernelContext* context, int first, int64_t terms, int64_t columns) {
  const auto input = [&](Geometry which) -> const tf::Tensor& { return context->input(first + which); };
  check_shape("rows", input(kRows), {-1, 4});
  check_shape("cell_start", input(kStart), {-1});
  check_shape("run_edges", input(kRunEdges), {-1, 2});
  const int64_t nedge = input(kRows).dim_size(0), ncell = input(kStart).dim_size(0),
                nrun = input(kRunEdges).dim_size(0);
  check_shape("cell_width", input(kWidth), {ncell});
  check_splits("run_splits", input(kRunSplits), nrun);
  check_splits("cell_splits", input(kCellSplits), nrun);
  check_shape("cell_splits", input(kCellSplits), {ncell + 1});
  const int64_t ncentres = input(kRunSplits).dim_size(0) - 1;
  const auto edges = input(kRunEdges).matrix<int64_t>();
  for (int64_t k = 0; k < nrun; ++k) {
    if (edges(k, 0) < 0 || edges(k, 1) < edges(k, 0) || edges(k, 1) > nedge) {
      throw InputError("run_edges: run " + std::to_string(k) + " is not within the " + std::to_string(nedge) +
                       " edges");
    }
  }
  check_indices("run_cell", input(kRunCell), nrun, ncell);
  check_indices("run_centre", input(kRunCentre), nrun, ncentres);
  check_indices("cell_runs", input(kCellRuns), nrun, nrun);
  return {ncentres,
          nedge,
          input(kRows).flat<double>().data(),
          ncell,
          input(kStart).flat<double>().data(),
          input(kWidth).flat<double>().data(),
          input(kRunSplits).flat<int64_t>().data(),
          input(kRunEdges).flat<int64_t>().data(),
          input(kRunCell).flat<int>().data(),
          input(kRunCentre).flat<int>().data(),
          input(kCellSplits).flat<int64_t>().data(),
          input(kCellRuns).flat<int>().data(),
          int(std::min<int64_t>(terms, kMaxTerms + 1)),
          columns};
}

/// table -> t, or, with a change v of the rows before the table, its tangent.
template <typename T, bool Tangent>
class ContractCells : public tf::OpKernel {
 public:
  using OpKernel::OpKernel;

  void Compute(tf::OpKernelContext* context) override {
    run(context, [&] {
      const tf::Tensor& table = context->input(Tangent);
      check_shape("table", table, {-1, -1, -1});
      const Contraction shape = read_geometry(context, Tangent + 1, table.dim_size(1), table.dim_size(2));
      check_shape("table", table, {shape.ncell, -1, -1});
      tf::Tensor* t = allocate(context, 0, {shape.ncentres, 4, shape.columns});
      const T* values = table.flat<T>().data();
      if constexpr (Tangent) {
        check_shape("v", context->input(0), {shape.nedge, 4});
        contract_cells_tangent<T>(make_device<CpuDevice>(context), shape, context->input(0).flat<double>().data(),
                                  values, t->flat<T>().data());
      } else {
        contract_cells<T>(make_device<CpuDevice>(context), shape, values, t->flat<T>().data());
      }
    });
  }
};

template <typename T>
class ContractCellsGradRows : public tf::OpKernel {
 public:
  using OpKernel::OpKernel;

  void Compute(tf::OpKernelContext* context) override {
    run(context, [&] {
      const tf::Tensor &t_grad = context->input(0), &table = context->input(1);
      check_shape("table", table, {-1, -1, -1});
      const Contraction shape = read_geometry(context, 2, table.dim_size(1), table.dim_size(2));
      check_shape("table", table, {shape.ncell, -1, -1});
      check_shape("t_grad", t_grad, {shape.ncentres, 4, shape.columns});
      tf::Tensor* rows_grad = allocate(context, 0, {shape.nedge, 4});
      contract_cells_grad_rows<T>(make_device<CpuDevice>(context), shape, t_grad.flat<T>().data(),
                                  table.flat<T>().data(), rows_grad->flat<double>().data());
    });
  }
};

/// t_grad -> table_grad, or, with a change v of the rows after t_grad, the derivative of <t_grad, tangent>.
template <typename T, bool Tangent>
class ContractCellsGradTable : public tf::OpKernel {
 public:
  explicit ContractCellsGradTable(tf::OpKernelConstruction* context) : OpKernel(context) {
    OP_REQUIRES_OK(context, context->GetAttr("terms", &terms_));
  }

  void Compute(tf::OpKernelContext* context) override {
    run(context, [&] {
      const tf::Tensor& t_grad = context->input(0);
      check_shape("t_grad", t_grad, {-1, 4, -1});
      const Contraction shape = read_geometry(context, Tangent + 1, std::max(terms_, 0), t_grad.dim_size(2));
      check_shape("t_grad", t_grad, {shape.ncentres, 4, -1});
      tf::Tensor* table_grad = allocate(context, 0, {shape.ncell, shape.terms, shape.columns});
      const T* values = t_grad.flat<T>().data();
      if constexpr (Tangent) {
        check_shape("v", context->input(1), {shape.nedge, 4});
        contract_cells_tangent_grad_table<T>(make_device<CpuDevice>(context), shape, values,
                                             context->input(1).flat<double>().data(), table_grad->flat<T>().data());
      } else {
        contract_cells_grad_table<T>(make_device<CpuDevice>(context), shape, values, table_grad->flat<T>().data());
      }
    });
  }

 private:
  int terms_ = 0;
};

using InferenceContext = tf::shape_inference::InferenceContext;
using ShapeHandle = tf::shape_inference::ShapeHandle;

absl::Status geometry_shapes(InferenceContext* context, int first, ShapeHandle* rows, ShapeHandle* starts,
                             tf::shape_inference::DimensionHandle* ncentres) {
  ShapeHandle splits;
  TF_RETURN_IF_ERROR(context->WithRank(context->input(first + kRows), 2, rows));
  TF_RETURN_IF_ERROR(context->WithRank(context->input(first + kStart), 1, starts));
  TF_RETURN_IF_ERROR(context->WithRank(context->input(first + kRunSplits), 1, &splits));
  return context->Subtract(context->Dim(splits, 0), 1, ncentres);
}

template <int First>
absl::Status infer_t(InferenceContext* context) {
  ShapeHandle rows, starts, table;
  tf::shape_inference::DimensionHandle ncentres;
  TF_RETURN_IF_ERROR(geometry_shapes(context, First, &rows, &starts, &ncentres));
  TF_RETURN_IF_ERROR(context->WithRank(context->input(First - 1), 3, &table));
  context->set_output(0, context->MakeShape({ncentres, context->MakeDim(4), context->Dim(table, 2)}));
  return absl::Status();
}

absl::Status infer_rows(InferenceContext* context) {
  ShapeHandle rows;
  TF_RETURN_IF_ERROR(context->WithRank(context->input(2 + kRows), 2, &rows));
  context->set_output(0, rows);
  return absl::Status();
}

template <int First>
absl::Status infer_table(InferenceContext* context) {
  ShapeHandle rows, starts, t_grad;
  tf::shape_inference::DimensionHandle ncentres;
  TF_RETURN_IF_ERROR(geometry_shapes(context, First, &rows, &starts, &ncentres));
  TF_RETURN_IF_ERROR(context->WithRank(context->input(0), 3, &t_grad));
  int terms = 0;
  TF_RETURN_IF_ERROR(context->GetAttr("terms", &terms));
  context->set_output(0,
                      context->MakeShape({context->Dim(starts, 0), context->MakeDim(terms), context->Dim(t_grad, 2)}));
  return absl::Status();
}

}  // namespace

#define DEEPMD_GEOMETRY            \
  Input("rows: double")            \
      .Input("cell_start: double") \
      .Input("cell_width: double") \
      .Input("run_splits: int64")  \
      .Input("run_edges: int64")   \
      .Input("run_cell: int32")    \
      .Input("run_centre: int32")  \
      .Input("cell_splits: int64") \
      .Input("cell_runs: int32")

REGISTER_OP("ContractCells")
    .Attr("T: {float, double}")
    .Input("table: T")
    .DEEPMD_GEOMETRY.Output("t: T")
    .SetShapeFn(infer_t<1>)
    .Doc("Sum over the edges of each centre of their rows times the embedding that the table holds.");

REGISTER_OP("ContractCellsTangent")
    .Attr("T: {float, double}")
    .Input("v: double")
    .Input("table: T")
    .DEEPMD_GEOMETRY.Output("t: T")
    .SetShapeFn(infer_t<2>)
    .Doc("Change of ContractCells along a change v of the rows.");

REGISTER_OP("ContractCellsGradRows")
    .Attr("T: {float, double}")
    .Input("t_grad: T")
    .Input("table: T")
    .DEEPMD_GEOMETRY.Output("rows_grad: double")
    .SetShapeFn(infer_rows)
    .Doc("Derivative of ContractCells by the rows.");

REGISTER_OP("ContractCellsGradTable")
    .Attr("T: {float, double}")
    .Attr("terms: int")
    .Input("t_grad: T")
    .DEEPMD_GEOMETRY.Output("table_grad: T")
    .SetShapeFn(infer_table<1>)
    .Doc("Derivative of ContractCells by the table.");

REGISTER_OP("ContractCellsTangentGradTable")
    .Attr("T: {float, double}")
    .Attr("terms: int")
    .Input("t_grad: T")
    .Input("v: double")
    .DEEPMD_GEOMETRY.Output("table_grad: T")
    .SetShapeFn(infer_table<2>)
    .Doc("Derivative of ContractCellsTangent by the table.");

#define DEEPMD_KERNELS(T)                                                                                      \
  REGISTER_KERNEL_BUILDER(Name("ContractCells").Device(tf::DEVICE_CPU).TypeConstraint<T>("T"),                 \
                          ContractCells<T, false>);                                                            \
  REGISTER_KERNEL_BUILDER(Name("ContractCellsTangent").Device(tf::DEVICE_CPU).TypeConstraint<T>("T"),          \
                          ContractCells<T, true>);                                                             \
  REGISTER_KERNEL_BUILDER(Name("ContractCellsGradRows").Device(tf::DEVICE_CPU).TypeConstraint<T>("T"),         \
                          ContractCellsGradRows<T>);                                                           \
  REGISTER_KERNEL_BUILDER(Name("ContractCellsGradTable").Device(tf::DEVICE_CPU).TypeConstraint<T>("T"),        \
                          ContractCellsGradTable<T, false>);                                                   \
  REGISTER_KERNEL_BUILDER(Name("ContractCellsTangentGradTable").Device(tf::DEVICE_CPU).TypeConstraint<T>("T"), \
                          ContractCellsGradTable<T, true>)
DEEPMD_KERNELS(float);
DEEPMD_KERNELS(double);

}  // namespace deepmd::op
