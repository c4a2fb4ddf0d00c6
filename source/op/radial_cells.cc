// RadialCells: edges sorted into cells of type and distance, and the neighbors of each type counted.
#include "deepmd/radial_cells.h"

#include <algorithm>
#include <memory>

#include "edges_common.h"

namespace deepmd::op {

namespace tf = tensorflow;

namespace {

absl::Status infer(tf::shape_inference::InferenceContext* context) {
  tf::shape_inference::ShapeHandle rows, splits, vector, scalar;
  TF_RETURN_IF_ERROR(context->WithRank(context->input(0), 2, &rows));
  TF_RETURN_IF_ERROR(context->WithRank(context->input(1), 1, &splits));
  for (int k = 2; k < 4; ++k) TF_RETURN_IF_ERROR(context->WithRank(context->input(k), 1, &vector));
  for (int k = 4; k < 7; ++k) TF_RETURN_IF_ERROR(context->WithRank(context->input(k), 0, &scalar));
  const auto unknown = [&] { return context->UnknownShapeOfRank(1); };
  const auto ncell = context->UnknownDim(), nrun = context->UnknownDim(), ncount = context->UnknownDim();
  for (int k = 0; k < 3; ++k) context->set_output(k, context->Vector(ncell));
  context->set_output(3, splits);
  context->set_output(4, context->Matrix(nrun, 2));
  for (int k = 5; k < 7; ++k) context->set_output(k, context->Vector(nrun));
  context->set_output(7, unknown());
  context->set_output(8, context->Vector(nrun));
  for (int k = 9; k < 12; ++k) context->set_output(k, context->Vector(ncount));
  return absl::Status();
}

[[maybe_unused]] void compute(tf::OpKernelContext* context, const CpuDevice& device, const EdgeTypes& edges,
                              const double* rows, const Codes& codes, const Panels& panels) {
  const RadialCells cells = radial_cells(device, edges, rows, codes, panels);
  give(context, 0, cells.code);
  give(context, 1, cells.start);
  give(context, 2, cells.width);
  give(context, 3, cells.run_splits);
  std::copy(cells.run_edges.begin(), cells.run_edges.end(),
            make<int64_t>(context, 4, {int64_t(cells.run_cell.size()), 2}));
  give(context, 5, cells.run_cell);
  give(context, 6, cells.run_center);
  give(context, 7, cells.cell_splits);
  give(context, 8, cells.cell_runs);
  const TypeCounts counts = count_types(edges, codes);
  give(context, 9, counts.center);
  give(context, 10, counts.pair);
  give(context, 11, counts.count);
}

[[maybe_unused]] void compute(tf::OpKernelContext* context, const GpuDevice& device, const EdgeTypes& edges,
                              const double* rows, const Codes& on_host, const Panels& panels) {
  Codes codes = on_host;
  codes.interacting = copy_to_device(device, on_host.interacting, int64_t(codes.ntypes) * codes.ntypes);
  int64_t* run_splits = make<int64_t>(context, 3, {edges.ncenters + 1});
  radial_cells(device, edges, rows, codes, panels, run_splits, [context](int64_t ncell, int64_t nrun) {
    return CellRoom{make<int32_t>(context, 0, {ncell}),     make<double>(context, 1, {ncell}),
                    make<double>(context, 2, {ncell}),      make<int64_t>(context, 4, {nrun, 2}),
                    make<int32_t>(context, 5, {nrun}),      make<int32_t>(context, 6, {nrun}),
                    make<int64_t>(context, 7, {ncell + 1}), make<int32_t>(context, 8, {nrun})};
  });
  count_types(device, edges, codes, [context](int64_t n) {
    return CountRoom{make<int32_t>(context, 9, {n}), make<int32_t>(context, 10, {n}), make<int32_t>(context, 11, {n})};
  });
}

template <typename Device>
class RadialCellsOp : public tf::OpKernel {
 public:
  explicit RadialCellsOp(tf::OpKernelConstruction* context) : OpKernel(context) {
    std::vector<int64_t> exclude_types;
    OP_REQUIRES_OK(context, context->GetAttr("ntypes", &ntypes_));
    OP_REQUIRES_OK(context, context->GetAttr("one_side", &one_side_));
    OP_REQUIRES_OK(context, context->GetAttr("exclude_types", &exclude_types));
    OP_REQUIRES_OK(context, status_of([&] {
                     check_ntypes(ntypes_);
                     interacting_ = interacting_matrix(ntypes_, exclude_types);
                   }));
  }

  void Compute(tf::OpKernelContext* context) override {
    run(context, [&] {
      const tf::Tensor &rows = context->input(0), &splits = context->input(1), &neighbor = context->input(2),
                       &type = context->input(3);
      check_shape("rows", rows, {-1, 4});
      check_shape("neighbor", neighbor, {rows.dim_size(0)});
      const EdgeTypes edges = read_edge_types<Device>(splits, neighbor, type, ntypes_);
      const Codes codes{ntypes_, one_side_, interacting_.get()};
      const Panels panels{read_scalar<double>("lowest", context->input(4)),
                          read_scalar<double>("unit", context->input(5)),
                          read_scalar<int>("per_octave", context->input(6))};
      compute(context, make_device<Device>(context), edges, rows.flat<double>().data(), codes, panels);
    });
  }

 private:
  int ntypes_ = 0;
  bool one_side_ = true;
  std::unique_ptr<bool[]> interacting_;
};

}  // namespace

REGISTER_OP("RadialCells")
    .Input("rows: double")
    .Input("edge_splits: int64")
    .Input("neighbor: int32")
    .Input("type: int32")
    .Input("lowest: double")
    .Input("unit: double")
    .Input("per_octave: int32")
    .Attr("ntypes: int")
    .Attr("one_side: bool")
    .Attr("exclude_types: list(int)")
    .Output("cell_code: int32")
    .Output("cell_start: double")
    .Output("cell_width: double")
    .Output("run_splits: int64")
    .Output("run_edges: int64")
    .Output("run_cell: int32")
    .Output("run_center: int32")
    .Output("cell_splits: int64")
    .Output("cell_runs: int32")
    .Output("count_center: int32")
    .Output("count_pair: int32")
    .Output("count: int32")
    .SetShapeFn(infer)
    .Doc("Sorts edges into cells of type and distance, and counts the neighbors of each type.");

DEEPMD_REGISTER(Name("RadialCells").HostMemory("lowest").HostMemory("unit").HostMemory("per_octave"),
                RadialCellsOp<Device>)

}  // namespace deepmd::op
