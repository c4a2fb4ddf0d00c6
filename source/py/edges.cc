#include "deepmd/edges.h"

#include <cstdint>

#include "frames.h"

namespace deepmd::py {
namespace {

/// What a search returns.
struct Found {
  std::vector<int64_t> edge_splits;
  std::vector<int32_t> neighbor;
  std::vector<double> edge_vec;
  std::vector<int> most;

  MakeRoom make_room() {
    return [this](int64_t nedge) {
      neighbor.resize(nedge);
      edge_vec.resize(3 * nedge);
      return EdgeRoom{neighbor.data(), edge_vec.data()};
    };
  }

  pb::tuple to_tuple() && {
    const pb::ssize_t rows = edge_splits.size(), nedge = neighbor.size();
    return pb::make_tuple(to_array(std::move(edge_splits), {rows}), to_array(std::move(neighbor), {nedge}),
                          to_array(std::move(edge_vec), {nedge, 3}), pb::cast(most));
  }
};

pb::tuple neighbors_batch(const Array<double>& coord, const Array<int>& type, const Array<int>& frame_splits,
                          const Array<double>& cell, const Array<bool>& periodic, double rcut, int ntypes,
                          int threads) {
  const FrameBatch batch = make_batch(coord, type, frame_splits, cell, periodic, ntypes);
  Found found;
  {
    pb::gil_scoped_release release;
    found.edge_splits.resize(type.size() + 1);
    found.most = batch_neighbors(CpuDevice::threads(threads), batch, rcut, found.edge_splits.data(), found.make_room());
  }
  return std::move(found).to_tuple();
}

pb::tuple neighbors_listed(const Array<double>& coord, const Array<int>& type, const Array<int64_t>& list_splits,
                           const Array<int32_t>& list_neighbor, double rcut, int ntypes, int threads) {
  const NeighborList list = make_list(coord, type, list_splits, list_neighbor, ntypes);
  Found found;
  {
    pb::gil_scoped_release release;
    found.edge_splits.resize(list.nloc + 1);
    found.most = listed_neighbors(CpuDevice::threads(threads), list, rcut, found.edge_splits.data(), found.make_room());
  }
  return std::move(found).to_tuple();
}

EdgeRows make_rows(const Array<double>& edge_vec, const Array<int64_t>& edge_splits, const Array<int>& type,
                   const Array<double>& avg, const Array<double>& std_radial, const Array<double>& std_angular,
                   double rcut, double rcut_smth) {
  check_shape("edge_vec", edge_vec, {-1, 3});
  const int64_t ncentres = count_rows("edge_splits", edge_splits.size());
  check_edge_splits(ncentres, edge_splits.data(), edge_vec.shape(0));
  check_shape("type", type, {ncentres});
  check_shape("std_radial", std_radial, {avg.size()});
  check_shape("std_angular", std_angular, {avg.size()});
  return {ncentres,   edge_splits.data(), type.data(),        edge_vec.data(),  int(avg.size()),
          avg.data(), std_radial.data(),  std_angular.data(), {rcut_smth, rcut}};
}

/// Runs a kernel on rows; its output has `width` columns.
template <typename Kernel>
Array<double> run_rows(const EdgeRows& edges, int width, int threads, const Kernel& kernel) {
  Array<double> out({pb::ssize_t(edges.edge_splits[edges.ncentres]), pb::ssize_t(width)});
  double* data = out.mutable_data();
  pb::gil_scoped_release release;
  kernel(CpuDevice::threads(threads), edges, data);
  return out;
}

EdgeList make_edges(const Array<int64_t>& edge_splits, const Array<int32_t>& neighbor, int64_t natoms,
                    const CpuDevice& device) {
  const int64_t ncentres = count_rows("edge_splits", edge_splits.size());
  check_shape("neighbor", neighbor, {-1});
  check_edge_splits(ncentres, edge_splits.data(), neighbor.size());
  const EdgeList edges{ncentres, natoms, edge_splits.data(), neighbor.data()};
  check_edge_neighbors(device, edges);
  return edges;
}

Array<double> force(const Array<double>& edge_grad, const Array<int64_t>& edge_splits, const Array<int32_t>& neighbor,
                    int64_t natoms, int threads) {
  const CpuDevice device = CpuDevice::threads(threads);
  const EdgeList edges = make_edges(edge_splits, neighbor, natoms, device);
  check_shape("edge_grad", edge_grad, {edges.nedge(), 3});
  Array<double> out({pb::ssize_t(natoms), pb::ssize_t(3)});
  edge_force(device, edges, edge_grad.data(), out.mutable_data());
  return out;
}

Array<double> force_grad(const Array<double>& grad, const Array<int64_t>& edge_splits, const Array<int32_t>& neighbor,
                         int threads) {
  check_shape("grad", grad, {-1, 3});
  const CpuDevice device = CpuDevice::threads(threads);
  const EdgeList edges = make_edges(edge_splits, neighbor, grad.shape(0), device);
  Array<double> out({pb::ssize_t(edges.nedge()), pb::ssize_t(3)});
  edge_force_grad(device, edges, grad.data(), out.mutable_data());
  return out;
}

/// The edges of a virial and their frames.
struct Virial {
  Virial(const Array<int64_t>& edge_splits, const Array<int32_t>& neighbor, const Array<int>& frame_splits,
         const Array<double>& edge_vec, int threads)
      : device(CpuDevice::threads(threads)) {
    frames = {int(count_rows("frame_splits", frame_splits.size())), frame_splits.data()};
    natoms = frames.splits[frames.nframes];
    check_frame_splits(frames.nframes, frames.splits, natoms);
    edges = make_edges(edge_splits, neighbor, natoms, device);
    check_edge_neighbors(device, edges, frames);
    check_shape("edge_vec", edge_vec, {edges.nedge(), 3});
  }

  CpuDevice device;
  FrameSplits frames;
  pb::ssize_t natoms;
  EdgeList edges;
};

pb::tuple virial(const Array<double>& edge_grad, const Array<double>& edge_vec, const Array<int64_t>& edge_splits,
                 const Array<int32_t>& neighbor, const Array<int>& frame_splits, int threads) {
  const Virial v(edge_splits, neighbor, frame_splits, edge_vec, threads);
  check_shape("edge_grad", edge_grad, {v.edges.nedge(), 3});
  Array<double> total({pb::ssize_t(v.frames.nframes), pb::ssize_t(9)}), atoms({v.natoms, pb::ssize_t(9)});
  edge_virial(v.device, v.edges, v.frames, edge_grad.data(), edge_vec.data(), total.mutable_data(),
              atoms.mutable_data());
  return pb::make_tuple(total, atoms);
}

Array<double> virial_grad(const Array<double>& grad, const Array<double>& grad_atom, const Array<double>& edge_vec,
                          const Array<int64_t>& edge_splits, const Array<int32_t>& neighbor,
                          const Array<int>& frame_splits, int threads) {
  const Virial v(edge_splits, neighbor, frame_splits, edge_vec, threads);
  check_shape("grad", grad, {v.frames.nframes, 9});
  check_shape("grad_atom", grad_atom, {v.natoms, 9});
  Array<double> out({pb::ssize_t(v.edges.nedge()), pb::ssize_t(3)});
  edge_virial_grad(v.device, v.edges, v.frames, grad.data(), grad_atom.data(), edge_vec.data(), out.mutable_data());
  return out;
}

void bind_searches(pb::module_& module) {
  using pb::arg;
  module.def(
      "neighbors_batch", &neighbors_batch, arg("coord"), arg("type"), arg("frame_splits"), arg("cell"), arg("periodic"),
      arg("rcut"), arg("ntypes"), arg("threads") = 1,
      "coord [natoms, 3], type [natoms], frame_splits [nframes + 1], cell [nframes, 3, 3], periodic [nframes] -> "
      "(edge_splits [natoms + 1], neighbor, edge_vec, max_neighbors [ntypes])");
  module.def("neighbors_listed", &neighbors_listed, arg("coord"), arg("type"), arg("list_splits"), arg("list_neighbor"),
             arg("rcut"), arg("ntypes"), arg("threads") = 1,
             "coord [nall, 3], type [nall], list_splits [nloc + 1], list_neighbor [list_length] -> as neighbors_batch");
}

void bind_rows(pb::module_& module) {
  using pb::arg;
  using In = const Array<double>&;
  using Splits = const Array<int64_t>&;
  using Types = const Array<int>&;
  module.def(
      "edge_rows",
      [](In edge_vec, Splits edge_splits, Types type, In avg, In std_radial, In std_angular, double rcut,
         double rcut_smth, int threads) {
        const EdgeRows edges = make_rows(edge_vec, edge_splits, type, avg, std_radial, std_angular, rcut, rcut_smth);
        return run_rows(edges, 4, threads, edge_rows);
      },
      arg("edge_vec"), arg("edge_splits"), arg("type"), arg("avg"), arg("std_radial"), arg("std_angular"), arg("rcut"),
      arg("rcut_smth"), arg("threads") = 1, "edge_vec [nedge, 3], type [ncentres], tables [ntypes] -> rows [nedge, 4]");
  const auto bind = [&module](const char* name, int in, int out, auto* kernel, const char* doc) {
    module.def(
        name,
        [=](In input, In edge_vec, Splits edge_splits, Types type, In avg, In std_radial, In std_angular, double rcut,
            double rcut_smth, int threads) {
          const EdgeRows edges = make_rows(edge_vec, edge_splits, type, avg, std_radial, std_angular, rcut, rcut_smth);
          check_shape("input", input, {edge_vec.shape(0), in});
          const double* data = input.data();
          return run_rows(edges, out, threads, [=](const CpuDevice& device, const EdgeRows& rows, double* result) {
            kernel(device, rows, data, result);
          });
        },
        arg("input"), arg("edge_vec"), arg("edge_splits"), arg("type"), arg("avg"), arg("std_radial"),
        arg("std_angular"), arg("rcut"), arg("rcut_smth"), arg("threads") = 1, doc);
  };
  bind("edge_rows_grad", 4, 3, &edge_rows_grad, "rows_grad [nedge, 4], as edge_rows -> edge_grad [nedge, 3]");
  bind("edge_rows_tangent", 3, 4, &edge_rows_tangent, "v [nedge, 3], as edge_rows -> rows_tangent [nedge, 4]");
}

}  // namespace

void bind_edges(pb::module_& module) {
  using pb::arg;
  bind_searches(module);
  bind_rows(module);
  module.def("edge_force", &force, arg("edge_grad"), arg("edge_splits"), arg("neighbor"), arg("natoms"),
             arg("threads") = 1, "edge_grad [nedge, 3] -> force [natoms, 3]");
  module.def("edge_force_grad", &force_grad, arg("grad"), arg("edge_splits"), arg("neighbor"), arg("threads") = 1,
             "grad [natoms, 3] -> edge_grad [nedge, 3]");
  module.def("edge_virial", &virial, arg("edge_grad"), arg("edge_vec"), arg("edge_splits"), arg("neighbor"),
             arg("frame_splits"), arg("threads") = 1,
             "edge_grad [nedge, 3], edge_vec [nedge, 3] -> (virial [nframes, 9], atom_virial [natoms, 9])");
  module.def("edge_virial_grad", &virial_grad, arg("grad"), arg("grad_atom"), arg("edge_vec"), arg("edge_splits"),
             arg("neighbor"), arg("frame_splits"), arg("threads") = 1,
             "grad [nframes, 9], grad_atom [natoms, 9] -> edge_grad [nedge, 3]");
}

}  // namespace deepmd::py
