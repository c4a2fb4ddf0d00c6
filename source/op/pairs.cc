// PairCells: the cells of type and angle that hold pairs of neighbors. PairMoments: moments of the pairs in them; their
// derivative with respect to the rows, and the derivative of that, which training on forces needs.
#include "deepmd/pair_moments.h"

#include "edges_common.h"

namespace deepmd::op {

namespace tf = tensorflow;

namespace {

using InferenceContext = tf::shape_inference::InferenceContext;
using ShapeHandle = tf::shape_inference::ShapeHandle;

// Every op takes its own input, if any, then the same geometry, and then cells, if any.
enum Geometry { kRows, kEdgeSplits, kNeighbor, kType, kUnit, kPerOctave, kCellCode, kCellPanel };

absl::Status read_ntypes(tf::OpKernelConstruction* context, int* ntypes) {
  TF_RETURN_IF_ERROR(context->GetAttr("ntypes", ntypes));
  return status_of([&] { check_ntypes(*ntypes); });
}

PairPanels read_panels(tf::OpKernelContext* context, int first) {
  return {read_scalar<double>("unit", context->input(first + kUnit)),
          read_scalar<int>("per_octave", context->input(first + kPerOctave))};
}

template <typename Device>
EdgeTypes read_geometry(tf::OpKernelContext* context, int first, int ntypes) {
  const EdgeTypes edges = read_edge_types<Device>(
      context->input(first + kEdgeSplits), context->input(first + kNeighbor), context->input(first + kType), ntypes);
  check_shape("rows", context->input(first + kRows), {context->input(first + kNeighbor).dim_size(0), 4});
  return edges;
}

/// Geometry and cells from the inputs, beginning with number `first`.
template <typename Device>
PairMoments read_shape(tf::OpKernelContext* context, int first, int ntypes, int64_t terms) {
  const tf::Tensor &code = context->input(first + kCellCode), &panel = context->input(first + kCellPanel);
  check_shape("cell_code", code, {-1});
  check_shape("cell_panel", panel, {code.dim_size(0)});
  PairMoments shape{};
  shape.edges = read_geometry<Device>(context, first, ntypes);
  shape.rows = context->input(first + kRows).flat<double>().data();
  shape.ntypes = ntypes;
  shape.panels = read_panels(context, first);
  shape.ncell = code.dim_size(0);
  shape.cell_code = code.flat<int>().data();
  shape.cell_panel = panel.flat<int>().data();
  shape.terms = int(std::min<int64_t>(std::max<int64_t>(terms, 0), kMaxTerms + 1));
  return shape;
}

template <typename Device>
class PairCellsOp : public tf::OpKernel {
 public:
  explicit PairCellsOp(tf::OpKernelConstruction* context) : OpKernel(context) {
    OP_REQUIRES_OK(context, read_ntypes(context, &ntypes_));
  }

  void Compute(tf::OpKernelContext* context) override {
    run(context, [&] {
      const EdgeTypes edges = read_geometry<Device>(context, 0, ntypes_);
      const double* rows = context->input(kRows).flat<double>().data();
      const Device device = make_device<Device>(context);
      if constexpr (kOnHost<Device>) {
        const PairCells cells = pair_cells(device, edges, rows, ntypes_, read_panels(context, 0));
        give(context, 0, cells.code);
        give(context, 1, cells.panel);
        give(context, 2, cells.start);
        give(context, 3, cells.width);
      } else {
        pair_cells(device, edges, rows, ntypes_, read_panels(context, 0), [context](int64_t ncell) {
          return PairCellRoom{make<int32_t>(context, 0, {ncell}), make<int32_t>(context, 1, {ncell}),
                              make<double>(context, 2, {ncell}), make<double>(context, 3, {ncell})};
        });
      }
    });
  }

 private:
  int ntypes_ = 0;
};

/// -> moments; or, if the first input is a change v of the rows, the change of the moments.
template <typename Device, bool Tangent>
class PairMomentsOp : public tf::OpKernel {
 public:
  explicit PairMomentsOp(tf::OpKernelConstruction* context) : OpKernel(context) {
    OP_REQUIRES_OK(context, read_ntypes(context, &ntypes_));
    OP_REQUIRES_OK(context, context->GetAttr("terms", &terms_));
  }

  void Compute(tf::OpKernelContext* context) override {
    run(context, [&] {
      const PairMoments shape = read_shape<Device>(context, Tangent, ntypes_, terms_);
      tf::Tensor* moments = allocate(context, 0, {shape.edges.ncenters, shape.ncell, shape.terms});
      if constexpr (Tangent) {
        check_shape("v", context->input(0), {context->input(1).dim_size(0), 4});
        pair_moments_tangent(make_device<Device>(context), shape, context->input(0).flat<double>().data(),
                             moments->flat<double>().data());
      } else {
        pair_moments(make_device<Device>(context), shape, moments->flat<double>().data());
      }
    });
  }

 private:
  int ntypes_ = 0, terms_ = 0;
};

template <typename Device>
class PairMomentsGradRowsOp : public tf::OpKernel {
 public:
  explicit PairMomentsGradRowsOp(tf::OpKernelConstruction* context) : OpKernel(context) {
    OP_REQUIRES_OK(context, read_ntypes(context, &ntypes_));
  }

  void Compute(tf::OpKernelContext* context) override {
    run(context, [&] {
      const tf::Tensor& moments_grad = context->input(0);
      check_shape("moments_grad", moments_grad, {-1, -1, -1});
      const PairMoments shape = read_shape<Device>(context, 1, ntypes_, moments_grad.dim_size(2));
      check_shape("moments_grad", moments_grad, {shape.edges.ncenters, shape.ncell, -1});
      tf::Tensor* rows_grad = allocate(context, 0, {context->input(1).dim_size(0), 4});
      pair_moments_grad_rows(make_device<Device>(context), shape, moments_grad.flat<double>().data(),
                             rows_grad->flat<double>().data());
    });
  }

 private:
  int ntypes_ = 0;
};

absl::Status infer_cells(InferenceContext* context) {
  TF_RETURN_IF_ERROR(check_ranks(context, {2, 1, 1, 1, 0, 0}));
  const auto ncell = context->UnknownDim();
  for (int k = 0; k < 4; ++k) context->set_output(k, context->Vector(ncell));
  return absl::Status();
}

template <int First>
absl::Status infer_moments(InferenceContext* context) {
  ShapeHandle splits, cells;
  int terms = 0;
  TF_RETURN_IF_ERROR(context->GetAttr("terms", &terms));
  TF_RETURN_IF_ERROR(context->WithRank(context->input(First + kEdgeSplits), 1, &splits));
  TF_RETURN_IF_ERROR(context->WithRank(context->input(First + kCellCode), 1, &cells));
  tf::shape_inference::DimensionHandle ncenters;
  TF_RETURN_IF_ERROR(context->Subtract(context->Dim(splits, 0), 1, &ncenters));
  context->set_output(0, context->MakeShape({ncenters, context->Dim(cells, 0), context->MakeDim(terms)}));
  return absl::Status();
}

absl::Status infer_rows(InferenceContext* context) {
  ShapeHandle rows;
  TF_RETURN_IF_ERROR(context->WithRank(context->input(1 + kRows), 2, &rows));
  context->set_output(0, rows);
  return absl::Status();
}

}  // namespace

#define DEEPMD_EDGES               \
  Attr("ntypes: int")              \
      .Input("rows: double")       \
      .Input("edge_splits: int64") \
      .Input("neighbor: int32")    \
      .Input("type: int32")        \
      .Input("unit: double")       \
      .Input("per_octave: int32")

#define DEEPMD_CELLS DEEPMD_EDGES.Input("cell_code: int32").Input("cell_panel: int32")

REGISTER_OP("PairCells")
    .DEEPMD_EDGES.Output("cell_code: int32")
    .Output("cell_panel: int32")
    .Output("cell_start: double")
    .Output("cell_width: double")
    .SetShapeFn(infer_cells)
    .Doc("Finds the cells of type and angle that pairs of neighbors lie in.");

REGISTER_OP("PairMoments")
    .Attr("terms: int")
    .DEEPMD_CELLS.Output("moments: double")
    .SetShapeFn(infer_moments<0>)
    .Doc("Moments of the pairs of neighbors of every center in every cell.");

REGISTER_OP("PairMomentsTangent")
    .Attr("terms: int")
    .Input("v: double")
    .DEEPMD_CELLS.Output("moments: double")
    .SetShapeFn(infer_moments<1>)
    .Doc("Change of PairMoments along a change v of the rows.");

REGISTER_OP("PairMomentsGradRows")
    .Input("moments_grad: double")
    .DEEPMD_CELLS.Output("rows_grad: double")
    .SetShapeFn(infer_rows)
    .Doc("Derivative of PairMoments with respect to the rows.");

#define DEEPMD_KERNEL(NAME, ...) DEEPMD_REGISTER(Name(NAME).HostMemory("unit").HostMemory("per_octave"), __VA_ARGS__)
DEEPMD_KERNEL("PairCells", PairCellsOp<Device>)
DEEPMD_KERNEL("PairMoments", PairMomentsOp<Device, false>)
DEEPMD_KERNEL("PairMomentsTangent", PairMomentsOp<Device, true>)
DEEPMD_KERNEL("PairMomentsGradRows", PairMomentsGradRowsOp<Device>)

}  // namespace deepmd::op
