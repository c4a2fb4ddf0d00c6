// ContractCells: environment rows contracted with an embedding that is a polynomial on every cell; its derivatives with
// respect to the rows and to the polynomials, and the derivatives of the former, which training on forces needs.
#include "deepmd/contraction.h"

#include "common.h"

namespace deepmd::op {

namespace tf = tensorflow;

namespace {

// Every op takes its own inputs (of t_grad, v, table) and then the same geometry.
enum Geometry { kRows, kStart, kWidth, kRunSplits, kRunEdges, kRunCell, kRunCenter, kCellSplits, kCellRuns };

void check_indices(const char* name, const tf::Tensor& tensor, int64_t end) {
  const auto values = tensor.vec<int>();
  for (int64_t k = 0; k < values.size(); ++k) {
    if (values(k) < 0 || values(k) >= end) {
      throw InputError(std::string(name) + ": expected entries in [0, " + std::to_string(end) + "), got " +
                       std::to_string(values(k)));
    }
  }
}

void check_run_edges(const tf::Tensor& run_edges, int64_t nedge) {
  const auto edges = run_edges.matrix<int64_t>();
  for (int64_t k = 0; k < run_edges.dim_size(0); ++k) {
    if (edges(k, 0) < 0 || edges(k, 1) < edges(k, 0) || edges(k, 1) > nedge) {
      throw InputError("run_edges: run " + std::to_string(k) + " is not within the " + std::to_string(nedge) +
                       " edges");
    }
  }
}

/// The geometry, from input number `first` on, checked.
template <typename Device>
Contraction read_geometry(tf::OpKernelContext* context, int first, int64_t terms, int64_t columns) {
  const tf::OpInputList inputs(context, first, first + kCellRuns + 1);
  check_shape("rows", inputs[kRows], {-1, 4});
  check_shape("cell_start", inputs[kStart], {-1});
  check_shape("run_edges", inputs[kRunEdges], {-1, 2});
  const int64_t nedge = inputs[kRows].dim_size(0), ncell = inputs[kStart].dim_size(0),
                nrun = inputs[kRunEdges].dim_size(0);
  check_shape("cell_width", inputs[kWidth], {ncell});
  check_shape("run_cell", inputs[kRunCell], {nrun});
  check_shape("run_center", inputs[kRunCenter], {nrun});
  check_shape("cell_runs", inputs[kCellRuns], {nrun});
  check_shape("cell_splits", inputs[kCellSplits], {ncell + 1});
  const int64_t ncenters = count_rows("run_splits", inputs[kRunSplits]);
  if constexpr (kOnHost<Device>) {
    check_splits("run_splits", "runs", ncenters, inputs[kRunSplits].flat<int64_t>().data(), nrun);
    check_splits("cell_splits", "runs", ncell, inputs[kCellSplits].flat<int64_t>().data(), nrun);
    check_run_edges(inputs[kRunEdges], nedge);
    check_indices("run_cell", inputs[kRunCell], ncell);
    check_indices("run_center", inputs[kRunCenter], ncenters);
    check_indices("cell_runs", inputs[kCellRuns], nrun);
  }
  Contraction shape{};
  shape.ncenters = ncenters;
  shape.nedge = nedge;
  shape.rows = inputs[kRows].flat<double>().data();
  shape.ncell = ncell;
  shape.start = inputs[kStart].flat<double>().data();
  shape.width = inputs[kWidth].flat<double>().data();
  shape.run_splits = inputs[kRunSplits].flat<int64_t>().data();
  shape.run_edges = inputs[kRunEdges].flat<int64_t>().data();
  shape.run_cell = inputs[kRunCell].flat<int>().data();
  shape.run_center = inputs[kRunCenter].flat<int>().data();
  shape.cell_splits = inputs[kCellSplits].flat<int64_t>().data();
  shape.cell_runs = inputs[kCellRuns].flat<int>().data();
  shape.terms = int(std::min<int64_t>(terms, kMaxTerms + 1));
  shape.columns = columns;
  return shape;
}

/// table -> t, or, with a change v of the rows before the table, its tangent.
template <typename Device, typename T, bool Tangent>
class ContractCells : public tf::OpKernel {
 public:
  using OpKernel::OpKernel;

  void Compute(tf::OpKernelContext* context) override {
    run(context, [&] {
      const tf::Tensor& table = context->input(Tangent);
      check_shape("table", table, {-1, -1, -1});
      const Contraction shape = read_geometry<Device>(context, Tangent + 1, table.dim_size(1), table.dim_size(2));
      check_shape("table", table, {shape.ncell, -1, -1});
      tf::Tensor* t = allocate(context, 0, {shape.ncenters, 4, shape.columns});
      const T* values = table.flat<T>().data();
      if constexpr (Tangent) {
        check_shape("v", context->input(0), {shape.nedge, 4});
        contract_cells_tangent<T>(make_device<Device>(context), shape, context->input(0).flat<double>().data(), values,
                                  t->flat<T>().data());
      } else {
        contract_cells<T>(make_device<Device>(context), shape, values, t->flat<T>().data());
      }
    });
  }
};

template <typename Device, typename T>
class ContractCellsGradRows : public tf::OpKernel {
 public:
  using OpKernel::OpKernel;

  void Compute(tf::OpKernelContext* context) override {
    run(context, [&] {
      const tf::Tensor &t_grad = context->input(0), &table = context->input(1);
      check_shape("table", table, {-1, -1, -1});
      const Contraction shape = read_geometry<Device>(context, 2, table.dim_size(1), table.dim_size(2));
      check_shape("table", table, {shape.ncell, -1, -1});
      check_shape("t_grad", t_grad, {shape.ncenters, 4, shape.columns});
      tf::Tensor* rows_grad = allocate(context, 0, {shape.nedge, 4});
      contract_cells_grad_rows<T>(make_device<Device>(context), shape, t_grad.flat<T>().data(), table.flat<T>().data(),
                                  rows_grad->flat<double>().data());
    });
  }
};

/// t_grad -> table_grad, or, with a change v of the rows after t_grad, the derivative of <t_grad, tangent>.
template <typename Device, typename T, bool Tangent>
class ContractCellsGradTable : public tf::OpKernel {
 public:
  explicit ContractCellsGradTable(tf::OpKernelConstruction* context) : OpKernel(context) {
    OP_REQUIRES_OK(context, context->GetAttr("terms", &terms_));
  }

  void Compute(tf::OpKernelContext* context) override {
    run(context, [&] {
      const tf::Tensor& t_grad = context->input(0);
      check_shape("t_grad", t_grad, {-1, 4, -1});
      const Contraction shape = read_geometry<Device>(context, Tangent + 1, std::max(terms_, 0), t_grad.dim_size(2));
      check_shape("t_grad", t_grad, {shape.ncenters, 4, -1});
      tf::Tensor* table_grad = allocate(context, 0, {shape.ncell, shape.terms, shape.columns});
      const T* values = t_grad.flat<T>().data();
      if constexpr (Tangent) {
        check_shape("v", context->input(1), {shape.nedge, 4});
        contract_cells_tangent_grad_table<T>(make_device<Device>(context), shape, values,
                                             context->input(1).flat<double>().data(), table_grad->flat<T>().data());
      } else {
        contract_cells_grad_table<T>(make_device<Device>(context), shape, values, table_grad->flat<T>().data());
      }
    });
  }

 private:
  int terms_ = 0;
};

using InferenceContext = tf::shape_inference::InferenceContext;
using ShapeHandle = tf::shape_inference::ShapeHandle;

absl::Status geometry_shapes(InferenceContext* context, int first, ShapeHandle* rows, ShapeHandle* starts,
                             tf::shape_inference::DimensionHandle* ncenters) {
  ShapeHandle splits;
  TF_RETURN_IF_ERROR(context->WithRank(context->input(first + kRows), 2, rows));
  TF_RETURN_IF_ERROR(context->WithRank(context->input(first + kStart), 1, starts));
  TF_RETURN_IF_ERROR(context->WithRank(context->input(first + kRunSplits), 1, &splits));
  return context->Subtract(context->Dim(splits, 0), 1, ncenters);
}

template <int First>
absl::Status infer_t(InferenceContext* context) {
  ShapeHandle rows, starts, table;
  tf::shape_inference::DimensionHandle ncenters;
  TF_RETURN_IF_ERROR(geometry_shapes(context, First, &rows, &starts, &ncenters));
  TF_RETURN_IF_ERROR(context->WithRank(context->input(First - 1), 3, &table));
  context->set_output(0, context->MakeShape({ncenters, context->MakeDim(4), context->Dim(table, 2)}));
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
  tf::shape_inference::DimensionHandle ncenters;
  TF_RETURN_IF_ERROR(geometry_shapes(context, First, &rows, &starts, &ncenters));
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
      .Input("run_center: int32")  \
      .Input("cell_splits: int64") \
      .Input("cell_runs: int32")

REGISTER_OP("ContractCells")
    .Attr("T: {float, double}")
    .Input("table: T")
    .DEEPMD_GEOMETRY.Output("t: T")
    .SetShapeFn(infer_t<1>)
    .Doc("Sum over the edges of each center of their rows times the embedding that the table holds.");

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
    .Doc("Derivative of ContractCells with respect to the rows.");

REGISTER_OP("ContractCellsGradTable")
    .Attr("T: {float, double}")
    .Attr("terms: int")
    .Input("t_grad: T")
    .DEEPMD_GEOMETRY.Output("table_grad: T")
    .SetShapeFn(infer_table<1>)
    .Doc("Derivative of ContractCells with respect to the table.");

REGISTER_OP("ContractCellsTangentGradTable")
    .Attr("T: {float, double}")
    .Attr("terms: int")
    .Input("t_grad: T")
    .Input("v: double")
    .DEEPMD_GEOMETRY.Output("table_grad: T")
    .SetShapeFn(infer_table<2>)
    .Doc("Derivative of ContractCellsTangent with respect to the table.");

#define DEEPMD_KERNEL(NAME, T, ...) DEEPMD_REGISTER(Name(NAME).TypeConstraint<T>("T"), __VA_ARGS__)
#define DEEPMD_KERNELS(T)                                                              \
  DEEPMD_KERNEL("ContractCells", T, ContractCells<Device, T, false>)                   \
  DEEPMD_KERNEL("ContractCellsTangent", T, ContractCells<Device, T, true>)             \
  DEEPMD_KERNEL("ContractCellsGradRows", T, ContractCellsGradRows<Device, T>)          \
  DEEPMD_KERNEL("ContractCellsGradTable", T, ContractCellsGradTable<Device, T, false>) \
  DEEPMD_KERNEL("ContractCellsTangentGradTable", T, ContractCellsGradTable<Device, T, true>)
DEEPMD_KERNELS(float)
DEEPMD_KERNELS(double)

}  // namespace deepmd::op
