#include "arrays.h"
#include "deepmd/edges.h"
#include "deepmd/pair_moments.h"

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

  int64_t ncentres() const { return int64_t(edge_splits.size()) - 1; }
  EdgeTypes edges() const { return {ncentres(), neighbor.size(), edge_splits.data(), neighbor.data(), type.data()}; }
  PairMoments shape(int64_t terms) const {
    return {edges(),
            rows.data(),
            ntypes,
            panels,
            int64_t(cells.code.size()),
            cells.code.data(),
            cells.panel.data(),
            int(std::min<int64_t>(terms, kMaxTerms + 1))};
  }
};

template <typename T>
Array<T> copy_of(const std::vector<T>& values) {
  return Array<T>(pb::ssize_t(values.size()), values.data());
}

CellsOfPairs find_cells(const Array<double>& rows, const Array<int64_t>& edge_splits, const Array<int32_t>& neighbor,
                        const Array<int32_t>& type, int ntypes, double unit, int per_octave, int threads) {
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
  CellsOfPairs of{rows, edge_splits, neighbor, type, ntypes, {unit, per_octave}, {}};
  of.cells = pair_cells(device, of.edges(), rows.data(), ntypes, of.panels);
  return of;
}

Array<double> moments(const CellsOfPairs& of, int terms, const pb::object& v, int threads) {
  Array<double> result({pb::ssize_t(of.ncentres()), pb::ssize_t(of.cells.code.size()), pb::ssize_t(terms)});
  const CpuDevice device = CpuDevice::threads(threads);
  if (v.is_none()) {
    pair_moments(device, of.shape(terms), result.mutable_data());
  } else {
    const auto change = v.cast<Array<double>>();
    check_shape("v", change, {of.rows.shape(0), 4});
    pair_moments_tangent(device, of.shape(terms), change.data(), result.mutable_data());
  }
  return result;
}

Array<double> to_rows(const CellsOfPairs& of, const Array<double>& moments_grad, int threads) {
  check_shape("moments_grad", moments_grad, {pb::ssize_t(of.ncentres()), pb::ssize_t(of.cells.code.size()), -1});
  Array<double> rows_grad({of.rows.shape(0), pb::ssize_t(4)});
  pair_moments_grad_rows(CpuDevice::threads(threads), of.shape(moments_grad.shape(2)), moments_grad.data(),
                         rows_grad.mutable_data());
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
             "-> moments [ncentres, ncell, terms], or their change along v [nedge, 4]");
  module.def("pair_moments_grad_rows", &to_rows, arg("cells"), arg("moments_grad").noconvert(), arg("threads") = 1,
             "moments_grad [ncentres, ncell, terms] -> rows_grad [nedge, 4]");
}

}  // namespace deepmd::py
