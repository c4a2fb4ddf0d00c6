#include <cstdint>

#include "arrays.h"
#include "deepmd/env_mat.h"
#include "deepmd/environment.h"
#include "deepmd/neighbors.h"

namespace deepmd::py {
namespace {

pb::tuple rows(const Array<double>& edge_vec, double rcut, double rcut_smth, int threads) {
  check_shape("edge_vec", edge_vec, {-1, 3});
  const pb::ssize_t nedge = edge_vec.shape(0);
  Array<double> row({nedge, pb::ssize_t(4)});
  Array<double> derivative({nedge, pb::ssize_t(4), pb::ssize_t(3)});
  double *row_data = row.mutable_data(), *derivative_data = derivative.mutable_data();
  const double* edge_data = edge_vec.data();
  {
    pb::gil_scoped_release release;
    environment_rows(CpuDevice::threads(threads), nedge, edge_data, {rcut_smth, rcut}, row_data, derivative_data);
  }
  return pb::make_tuple(row, derivative);
}

/// The slots of one frame: coord [nall, 3] and its neighbours.
template <typename T, int kColumns>
pb::tuple env_mat(const Array<int>& type, const Array<int64_t>& edge_splits, const Array<int32_t>& neighbor,
                  const Array<double>& edge_vec, const Array<T>& davg, const Array<T>& dstd, double rcut,
                  double rcut_smth, const std::vector<int>& sel, int threads) {
  const pb::ssize_t nloc = edge_splits.size() - 1, ntypes = sel.size();
  pb::ssize_t nnei = 0;
  for (const int count : sel) nnei += count;
  check_shape("type", type, {-1});
  check_shape("edge_vec", edge_vec, {neighbor.size(), 3});
  check_shape("davg", davg, {ntypes, nnei * kColumns});
  check_shape("dstd", dstd, {ntypes, nnei * kColumns});
  const Atoms atoms{1, int(nloc), int(type.size()), nullptr, type.data()};
  check_types(atoms, int(ntypes));
  const Neighbors neighbors{{edge_splits.data(), edge_splits.data() + edge_splits.size()},
                            {neighbor.data(), neighbor.data() + neighbor.size()},
                            {edge_vec.data(), edge_vec.data() + edge_vec.size()}};
  Array<T> descrpt({nloc, nnei, pb::ssize_t(kColumns)}), deriv({nloc, nnei, pb::ssize_t(kColumns), pb::ssize_t(3)});
  Array<T> rij({nloc, nnei, pb::ssize_t(3)});
  Array<int> nlist({nloc, nnei});
  const EnvMatSpec<T> spec{{rcut_smth, rcut}, sel, davg.data(), dstd.data()};
  const EnvMat<T> out{descrpt.mutable_data(), deriv.mutable_data(), rij.mutable_data(), nlist.mutable_data()};
  {
    pb::gil_scoped_release release;
    deepmd::env_mat<T, kColumns>(CpuDevice::threads(threads), atoms, neighbors, spec, out);
  }
  return pb::make_tuple(descrpt, deriv, rij, nlist, pb::cast(max_neighbors(atoms, neighbors, int(ntypes))));
}

template <typename T, int kColumns>
void bind_env_mat(pb::module_& module, const char* name) {
  module.def(
      name, &env_mat<T, kColumns>, pb::arg("type"), pb::arg("edge_splits"), pb::arg("neighbor"), pb::arg("edge_vec"),
      pb::arg("davg").noconvert(), pb::arg("dstd").noconvert(), pb::arg("rcut"), pb::arg("rcut_smth"), pb::arg("sel"),
      pb::arg("threads") = 1,
      "The slots of one frame -> (descrpt [nloc, nnei, columns], descrpt_deriv [nloc, nnei, columns, 3], rij [nloc, "
      "nnei, 3], nlist [nloc, nnei], max_neighbors [ntypes]); 4 columns for a, 1 for r");
}

}  // namespace

void bind_geometry(pb::module_& module) {
  module.def("environment_rows", &rows, pb::arg("edge_vec"), pb::arg("rcut"), pb::arg("rcut_smth"),
             pb::arg("threads") = 1, "edge_vec [nedge, 3] -> (rows [nedge, 4], derivative [nedge, 4, 3])");
  bind_env_mat<double, kFullRow>(module, "env_mat_a");
  bind_env_mat<float, kFullRow>(module, "env_mat_a");
  bind_env_mat<double, kRadialRow>(module, "env_mat_r");
  bind_env_mat<float, kRadialRow>(module, "env_mat_r");
}

}  // namespace deepmd::py
