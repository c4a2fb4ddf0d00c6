#include "deepmd/contraction.h"

#include <optional>

#include "deepmd/edges.h"
#include "deepmd/gemm.h"
#include "deepmd/instruction_set.h"
#include "deepmd/radial_cells.h"
#include "frames.h"
#include "session.h"

namespace deepmd::py {
namespace {

/// Rows of edges and the cells that they lie in.
struct CellsOfRows {
  Array<double> rows;
  RadialCells cells;

  pb::ssize_t ncenters() const { return pb::ssize_t(cells.run_splits.size()) - 1; }
  pb::ssize_t ncell() const { return pb::ssize_t(cells.code.size()); }
  /// As the device sees them.
  Contraction shape(Session& session, int64_t terms, int64_t columns) const {
    Contraction result{};
    result.ncenters = ncenters();
    result.nedge = rows.shape(0);
    result.rows = session.in(rows);
    result.ncell = ncell();
    result.start = session.in(cells.start);
    result.width = session.in(cells.width);
    result.run_splits = session.in(cells.run_splits);
    result.run_edges = session.in(cells.run_edges);
    result.run_cell = session.in(cells.run_cell);
    result.run_center = session.in(cells.run_center);
    result.cell_splits = session.in(cells.cell_splits);
    result.cell_runs = session.in(cells.cell_runs);
    result.terms = int(std::min<int64_t>(terms, kMaxTerms + 1));
    result.columns = columns;
    return result;
  }
};

CellsOfRows find_cells(const Array<double>& rows, const Array<int64_t>& edge_splits, const Array<int32_t>& neighbor,
                       const Array<int32_t>& type, int ntypes, bool one_side, double lowest, double unit,
                       int per_octave, int threads) {
  const int64_t ncenters = check_edges(rows, edge_splits, neighbor, type, ntypes);
  Session session(threads);
  const EdgeTypes edges{ncenters, neighbor.size(), session.in(edge_splits), session.in(neighbor), session.in(type)};
  const double* values = session.in(rows);
  const Codes codes{ntypes, one_side, nullptr};
  const Panels panels{lowest, unit, per_octave};
  RadialCells cells;
#ifdef DEEPMD_PY_GPU
  cells.run_splits.resize(ncenters + 1);
  int64_t* run_splits = session.out(cells.run_splits.data(), ncenters + 1);
  session.run([&] {
    radial_cells(session.device(), edges, values, codes, panels, run_splits, [&](int64_t ncell, int64_t nrun) {
      const auto room = [&session](auto& vector, int64_t n) {
        vector.resize(n);
        return session.out(vector.data(), n);
      };
      return CellRoom{room(cells.code, ncell),
                      room(cells.start, ncell),
                      room(cells.width, ncell),
                      room(cells.run_edges, 2 * nrun),
                      room(cells.run_cell, nrun),
                      room(cells.run_center, nrun),
                      room(cells.cell_splits, ncell + 1),
                      room(cells.cell_runs, nrun)};
    });
  });
#else
  session.run([&] { cells = radial_cells(session.device(), edges, values, codes, panels); });
#endif
  return {rows, std::move(cells)};
}

/// A change of the rows as the device sees it, or null.
const double* change_of(Session& session, const std::optional<Array<double>>& v, pb::ssize_t nedge) {
  if (!v) return nullptr;
  check_shape("v", *v, {nedge, 4});
  return session.in(*v);
}

template <typename T>
Array<T> contract(const CellsOfRows& of, const Array<T>& table, const std::optional<Array<double>>& v, int threads) {
  check_shape("table", table, {of.ncell(), -1, -1});
  Session session(threads);
  const Contraction shape = of.shape(session, table.shape(1), table.shape(2));
  Array<T> t({of.ncenters(), pb::ssize_t(4), pb::ssize_t(shape.columns)});
  const double* change = change_of(session, v, of.rows.shape(0));
  const T* values = session.in(table);
  T* out = session.out(t);
  session.run([&] {
    if (change == nullptr) {
      contract_cells<T>(session.device(), shape, values, out);
    } else {
      contract_cells_tangent<T>(session.device(), shape, change, values, out);
    }
  });
  return t;
}

template <typename T>
Array<double> to_rows(const CellsOfRows& of, const Array<T>& t_grad, const Array<T>& table, int threads) {
  check_shape("table", table, {of.ncell(), -1, -1});
  Session session(threads);
  const Contraction shape = of.shape(session, table.shape(1), table.shape(2));
  check_shape("t_grad", t_grad, {of.ncenters(), 4, pb::ssize_t(shape.columns)});
  Array<double> rows_grad({pb::ssize_t(shape.nedge), pb::ssize_t(4)});
  const T *gradient = session.in(t_grad), *values = session.in(table);
  double* out = session.out(rows_grad);
  session.run([&] { contract_cells_grad_rows<T>(session.device(), shape, gradient, values, out); });
  return rows_grad;
}

template <typename T>
Array<T> to_table(const CellsOfRows& of, const Array<T>& t_grad, int terms, const std::optional<Array<double>>& v,
                  int threads) {
  check_shape("t_grad", t_grad, {of.ncenters(), 4, -1});
  Session session(threads);
  const Contraction shape = of.shape(session, terms, t_grad.shape(2));
  Array<T> table_grad({of.ncell(), pb::ssize_t(terms), pb::ssize_t(shape.columns)});
  const double* change = change_of(session, v, of.rows.shape(0));
  const T* gradient = session.in(t_grad);
  T* out = session.out(table_grad);
  session.run([&] {
    if (change == nullptr) {
      contract_cells_grad_table<T>(session.device(), shape, gradient, out);
    } else {
      contract_cells_tangent_grad_table<T>(session.device(), shape, gradient, change, out);
    }
  });
  return table_grad;
}

template <typename T>
Array<T> product(const Array<T>& a, const Array<T>& b, bool transpose_a, bool transpose_b, int threads) {
  check_shape("a", a, {-1, -1});
  const Product shape{a.shape(transpose_a ? 1 : 0), b.ndim() == 2 ? b.shape(transpose_b ? 0 : 1) : 0,
                      a.shape(transpose_a ? 0 : 1), transpose_a, transpose_b};
  check_shape("b", b, {transpose_b ? shape.n : shape.k, transpose_b ? shape.k : shape.n});
  Array<T> c({pb::ssize_t(shape.m), pb::ssize_t(shape.n)});
  Session session(threads);
  const T *left = session.in(a), *right = session.in(b);
  T* out = session.out(c);
  session.run([&] { gemm<T>(session.device(), shape, left, right, out); });
  return c;
}

template <typename T>
void bind_of_type(pb::module_& module) {
  using pb::arg;
  module.def("contract_cells", &contract<T>, arg("cells"), arg("table").noconvert(), arg("v") = pb::none(),
             arg("threads") = 1,
             "table [ncell, terms, columns] -> t [ncenters, 4, columns], or its change along v [nedge, 4]");
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
#ifndef DEEPMD_PY_GPU
  module.def("instruction_set", &instruction_set, "The instruction set that the kernels use.");
  module.def("instruction_sets", &instruction_sets, "Those that this processor can run.");
#endif
}

}  // namespace deepmd::py
