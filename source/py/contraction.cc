#include "deepmd/contraction.h"

#include "arrays.h"
#include "deepmd/edges.h"
#include "deepmd/gemm.h"
#include "deepmd/instruction_set.h"
#include "deepmd/radial_cells.h"

namespace deepmd::py {
namespace {

/// Rows of edges and the cells that they lie in.
struct CellsOfRows {
  Array<double> rows;
  RadialCells cells;

  Contraction shape(int64_t terms, int64_t columns) const {
    return {int64_t(cells.run_splits.size()) - 1,
            rows.shape(0),
            rows.data(),
            int64_t(cells.code.size()),
            cells.start.data(),
            cells.width.data(),
            cells.run_splits.data(),
            cells.run_edges.data(),
            cells.run_cell.data(),
            cells.run_centre.data(),
            cells.cell_splits.data(),
            cells.cell_runs.data(),
            int(std::min<int64_t>(terms, kMaxTerms + 1)),
            columns};
  }
};

CellsOfRows find_cells(const Array<double>& rows, const Array<int64_t>& edge_splits, const Array<int32_t>& neighbor,
                       const Array<int32_t>& type, int ntypes, bool one_side, double lowest, double unit,
                       int per_octave, int threads) {
  check_shape("rows", rows, {-1, 4});
  check_shape("edge_splits", edge_splits, {-1});
  check_shape("neighbor", neighbor, {rows.shape(0)});
  const int64_t ncentres = int64_t(edge_splits.size()) - 1;
  if (ncentres < 0 || ncentres > type.size()) throw InputError("edge_splits: expected at most one centre per atom");
  check_edge_splits(ncentres, edge_splits.data(), rows.shape(0));
  const CpuDevice device = CpuDevice::threads(threads);
  check_edge_neighbors(device, EdgeList{ncentres, type.size(), neighbor.size(), edge_splits.data(), neighbor.data()});
  for (pb::ssize_t i = 0; i < type.size(); ++i) {
    if (type.data()[i] < 0 || type.data()[i] >= ntypes) throw InputError("type: expected entries in [0, ntypes)");
  }
  const EdgeTypes edges{ncentres, neighbor.size(), edge_splits.data(), neighbor.data(), type.data()};
  return {rows,
          radial_cells(device, edges, rows.data(), Codes{ntypes, one_side, nullptr}, Panels{lowest, unit, per_octave})};
}

template <typename T>
Contraction shape_of_table(const CellsOfRows& of, const Array<T>& table) {
  check_shape("table", table, {pb::ssize_t(of.cells.code.size()), -1, -1});
  return of.shape(table.shape(1), table.shape(2));
}

template <typename T>
Array<T> contract(const CellsOfRows& of, const Array<T>& table, const pb::object& v, int threads) {
  const Contraction shape = shape_of_table(of, table);
  Array<T> t({pb::ssize_t(shape.ncentres), pb::ssize_t(4), pb::ssize_t(shape.columns)});
  const CpuDevice device = CpuDevice::threads(threads);
  if (v.is_none()) {
    contract_cells<T>(device, shape, table.data(), t.mutable_data());
  } else {
    const auto change = v.cast<Array<double>>();
    check_shape("v", change, {shape.nedge, 4});
    contract_cells_tangent<T>(device, shape, change.data(), table.data(), t.mutable_data());
  }
  return t;
}

template <typename T>
Array<double> to_rows(const CellsOfRows& of, const Array<T>& t_grad, const Array<T>& table, int threads) {
  const Contraction shape = shape_of_table(of, table);
  check_shape("t_grad", t_grad, {pb::ssize_t(shape.ncentres), 4, pb::ssize_t(shape.columns)});
  Array<double> rows_grad({pb::ssize_t(shape.nedge), pb::ssize_t(4)});
  contract_cells_grad_rows<T>(CpuDevice::threads(threads), shape, t_grad.data(), table.data(),
                              rows_grad.mutable_data());
  return rows_grad;
}

template <typename T>
Array<T> to_table(const CellsOfRows& of, const Array<T>& t_grad, int terms, const pb::object& v, int threads) {
  check_shape("t_grad", t_grad, {pb::ssize_t(of.cells.run_splits.size()) - 1, 4, -1});
  const Contraction shape = of.shape(terms, t_grad.shape(2));
  Array<T> table_grad({pb::ssize_t(shape.ncell), pb::ssize_t(terms), pb::ssize_t(shape.columns)});
  const CpuDevice device = CpuDevice::threads(threads);
  if (v.is_none()) {
    contract_cells_grad_table<T>(device, shape, t_grad.data(), table_grad.mutable_data());
  } else {
    const auto change = v.cast<Array<double>>();
    check_shape("v", change, {shape.nedge, 4});
    contract_cells_tangent_grad_table<T>(device, shape, t_grad.data(), change.data(), table_grad.mutable_data());
  }
  return table_grad;
}

template <typename T>
Array<T> product(const Array<T>& a, const Array<T>& b, bool transpose_a, bool transpose_b, int threads) {
  check_shape("a", a, {-1, -1});
  const Product shape{a.shape(transpose_a ? 1 : 0), b.ndim() == 2 ? b.shape(transpose_b ? 0 : 1) : 0,
                      a.shape(transpose_a ? 0 : 1), transpose_a, transpose_b};
  check_shape("b", b, {transpose_b ? shape.n : shape.k, transpose_b ? shape.k : shape.n});
  Array<T> c({pb::ssize_t(shape.m), pb::ssize_t(shape.n)});
  gemm<T>(CpuDevice::threads(threads), shape, a.data(), b.data(), c.mutable_data());
  return c;
}

template <typename T>
void bind_of_type(pb::module_& module) {
  using pb::arg;
  module.def("contract_cells", &contract<T>, arg("cells"), arg("table").noconvert(), arg("v") = pb::none(),
             arg("threads") = 1,
             "table [ncell, terms, columns] -> t [ncentres, 4, columns], or its change along v [nedge, 4]");
  module.def("contract_cells_grad_rows", &to_rows<T>, arg("cells"), arg("t_grad").noconvert(), arg("table").noconvert(),
             arg("threads") = 1, "t_grad, table -> rows_grad [nedge, 4]");
  module.def("contract_cells_grad_table", &to_table<T>, arg("cells"), arg("t_grad").noconvert(), arg("terms"),
             arg("v") = pb::none(), arg("threads") = 1, "t_grad -> table_grad, of t or of its change along v");
  module.def("dense_product", &product<T>, arg("a").noconvert(), arg("b").noconvert(), arg("transpose_a") = false,
             arg("transpose_b") = false, arg("threads") = 1, "a [m, k], b [k, n] -> [m, n]");
}

}  // namespace

void bind_contraction(pb::module_& module) {
  using pb::arg;
  pb::class_<CellsOfRows>(module, "CellsOfRows").def_property_readonly("ncell", [](const CellsOfRows& of) {
    return of.cells.code.size();
  });
  module.def("cells_of_rows", &find_cells, arg("rows"), arg("edge_splits"), arg("neighbor"), arg("type"), arg("ntypes"),
             arg("one_side"), arg("lowest"), arg("unit"), arg("per_octave"), arg("threads") = 1,
             "rows [nedge, 4] of edges -> what contract_cells takes");
  bind_of_type<float>(module);
  bind_of_type<double>(module);
  module.def("instruction_set", &instruction_set, "The instruction set that the kernels use.");
  module.def("instruction_sets", &instruction_sets, "Those that this processor can run.");
}

}  // namespace deepmd::py
