#include <optional>

#include "deepmd/edges.h"
#include "deepmd/pair_moments.h"
#include "frames.h"
#include "session.h"

namespace deepmd::py {
namespace {

/// Rows of edges, the cells that pairs of them lie in, and what both are of.
struct CellsOfPairs {
  Array<double> rows;
  Array<int64_t> edge_splits;
  Array<int32_t> neighbor, type;
  int ntypes;
  PairPanels panels;
  PairCells cells;

  pb::ssize_t ncenters() const { return pb::ssize_t(edge_splits.size()) - 1; }
  pb::ssize_t ncell() const { return pb::ssize_t(cells.code.size()); }
  /// As the device sees them.
  EdgeTypes edges(Session& session) const {
    return {ncenters(), neighbor.size(), session.in(edge_splits), session.in(neighbor), session.in(type)};
  }
  PairMoments shape(Session& session, int64_t terms) const {
    return {edges(session),
            session.in(rows),
            ntypes,
            panels,
            ncell(),
            session.in(cells.code),
            session.in(cells.panel),
            int(std::min<int64_t>(terms, kMaxTerms + 1))};
  }
};

template <typename T>
Array<T> copy_of(const std::vector<T>& values) {
  return Array<T>(pb::ssize_t(values.size()), values.data());
}

CellsOfPairs find_cells(const Array<double>& rows, const Array<int64_t>& edge_splits, const Array<int32_t>& neighbor,
                        const Array<int32_t>& type, int ntypes, double unit, int per_octave, int threads) {
  check_edges(rows, edge_splits, neighbor, type, ntypes);
  CellsOfPairs of{rows, edge_splits, neighbor, type, ntypes, {unit, per_octave}, {}};
  Session session(threads);
  const EdgeTypes edges = of.edges(session);
  const double* values = session.in(rows);
#ifdef DEEPMD_PY_GPU
  session.run([&] {
    pair_cells(session.device(), edges, values, ntypes, of.panels, [&](int64_t ncell) {
      const auto room = [&](auto& vector) {
        vector.resize(ncell);
        return session.out(vector.data(), ncell);
      };
      return PairCellRoom{room(of.cells.code), room(of.cells.panel), room(of.cells.start), room(of.cells.width)};
    });
  });
#else
  session.run([&] { of.cells = pair_cells(session.device(), edges, values, ntypes, of.panels); });
#endif
  return of;
}

Array<double> moments(const CellsOfPairs& of, int terms, const std::optional<Array<double>>& v, int threads) {
  Array<double> result({of.ncenters(), of.ncell(), pb::ssize_t(terms)});
  if (v) check_shape("v", *v, {of.rows.shape(0), 4});
  Session session(threads);
  const PairMoments shape = of.shape(session, terms);
  const double* change = v ? session.in(*v) : nullptr;
  double* out = session.out(result);
  session.run([&] {
    if (change == nullptr) {
      pair_moments(session.device(), shape, out);
    } else {
      pair_moments_tangent(session.device(), shape, change, out);
    }
  });
  return result;
}

Array<double> to_rows(const CellsOfPairs& of, const Array<double>& moments_grad, int threads) {
  check_shape("moments_grad", moments_grad, {of.ncenters(), of.ncell(), -1});
  Array<double> rows_grad({of.rows.shape(0), pb::ssize_t(4)});
  Session session(threads);
  const PairMoments shape = of.shape(session, moments_grad.shape(2));
  const double* grad = session.in(moments_grad);
  double* out = session.out(rows_grad);
  session.run([&] { pair_moments_grad_rows(session.device(), shape, grad, out); });
  return rows_grad;
}

}  // namespace

void bind_pairs(pb::module_& module) {
  using pb::arg;
  pb::class_<CellsOfPairs>(module, "CellsOfPairs")
      .def_readonly("rows", &CellsOfPairs::rows)
      .def_property_readonly("code", [](const CellsOfPairs& of) { return copy_of(of.cells.code); })
      .def_property_readonly("panel", [](const CellsOfPairs& of) { return copy_of(of.cells.panel); })
      .def_property_readonly("start", [](const CellsOfPairs& of) { return copy_of(of.cells.start); })
      .def_property_readonly("width", [](const CellsOfPairs& of) { return copy_of(of.cells.width); });
  module.def("cells_of_pairs", &find_cells, arg("rows"), arg("edge_splits"), arg("neighbor"), arg("type"),
             arg("ntypes"), arg("unit"), arg("per_octave"), arg("threads") = 1,
             "rows [nedge, 4] of edges -> what pair_moments takes");
  module.def("pair_moments", &moments, arg("cells"), arg("terms"), arg("v") = pb::none(), arg("threads") = 1,
             "-> moments [ncenters, ncell, terms], or their change along v [nedge, 4]");
  module.def("pair_moments_grad_rows", &to_rows, arg("cells"), arg("moments_grad").noconvert(), arg("threads") = 1,
             "moments_grad [ncenters, ncell, terms] -> rows_grad [nedge, 4]");
}

}  // namespace deepmd::py
