#include <cstdint>

#include "deepmd/edges.h"
#include "deepmd/env_mat.h"
#include "deepmd/environment.h"
#include "deepmd/neighbors.h"
#include "frames.h"
#include "session.h"

namespace deepmd::py {
namespace {

pb::tuple rows(const Array<double>& edge_vec, double rcut, double rcut_smth, int threads) {
  check_shape("edge_vec", edge_vec, {-1, 3});
  const pb::ssize_t nedge = edge_vec.shape(0);
  Array<double> row({nedge, pb::ssize_t(4)});
  Array<double> derivative({nedge, pb::ssize_t(4), pb::ssize_t(3)});
  Session session(threads);
  const double* edges = session.in(edge_vec);
  double *rows = session.out(row), *by_vec = session.out(derivative);
  session.run([&] { environment_rows(session.device(), nedge, edges, {rcut_smth, rcut}, rows, by_vec); });
  return pb::make_tuple(row, derivative);
}

#ifdef DEEPMD_PY_GPU
DeviceNeighbors on_device(Session& session, const Neighbors& neighbors) {
  return {session.in(neighbors.edge_splits), session.in(neighbors.neighbor), session.in(neighbors.edge_vec),
          int64_t(neighbors.neighbor.size())};
}
#else
const Neighbors& on_device(Session&, const Neighbors& neighbors) { return neighbors; }
#endif

/// The slots of one frame: coord [nall, 3] and its neighbors.
template <typename T, int kColumns>
pb::tuple env_mat(const Array<int>& type, const Array<int64_t>& edge_splits, const Array<int32_t>& neighbor,
                  const Array<double>& edge_vec, const Array<T>& davg, const Array<T>& dstd, double rcut,
                  double rcut_smth, const std::vector<int>& sel, int threads) {
  const pb::ssize_t nloc = count_rows("edge_splits", edge_splits.size()), ntypes = sel.size();
  pb::ssize_t nnei = 0;
  for (const int count : sel) nnei += count;
  check_shape("type", type, {-1});
  check_shape("edge_vec", edge_vec, {neighbor.size(), 3});
  check_shape("davg", davg, {ntypes, nnei * kColumns});
  check_shape("dstd", dstd, {ntypes, nnei * kColumns});
  const EdgeList edges{nloc, type.size(), neighbor.size(), edge_splits.data(), neighbor.data()};
  check_edge_splits(nloc, edges.edge_splits, edges.nedge);
  check_edge_neighbors(CpuDevice(), edges);
  const Atoms atoms{1, int(nloc), int(type.size()), nullptr, type.data()};
  check_types(atoms, int(ntypes));
  check_env_mat<T>({{rcut_smth, rcut}, sel, davg.data(), dstd.data()}, kColumns);
  const Neighbors neighbors{{edge_splits.data(), edge_splits.data() + edge_splits.size()},
                            {neighbor.data(), neighbor.data() + neighbor.size()},
                            {edge_vec.data(), edge_vec.data() + edge_vec.size()}};
  Array<T> descrpt({nloc, nnei, pb::ssize_t(kColumns)}), deriv({nloc, nnei, pb::ssize_t(kColumns), pb::ssize_t(3)});
  Array<T> rij({nloc, nnei, pb::ssize_t(3)});
  Array<int> nlist({nloc, nnei});
  Session session(threads);
  const auto& rows = on_device(session, neighbors);
  const Atoms frame{1, int(nloc), int(type.size()), nullptr, session.in(type)};
  const EnvMatSpec<T> spec{{rcut_smth, rcut}, sel, session.in(davg), session.in(dstd)};
  const EnvMat<T> out{session.out(descrpt), session.out(deriv), session.out(rij), session.out(nlist)};
  session.run([&] { deepmd::env_mat<T, kColumns>(session.device(), frame, rows, spec, out); });
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
