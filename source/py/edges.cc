#include "deepmd/edges.h"

#include <cstdint>

#include "frames.h"
#include "session.h"

namespace deepmd::py {
namespace {

/// The rows of a call, checked, as the device sees them.
EdgeRows make_rows(Session& session, const Array<double>& edge_vec, const Array<int64_t>& edge_splits,
                   const Array<int>& type, const Array<double>& avg, const Array<double>& std_radial,
                   const Array<double>& std_angular, double rcut, double rcut_smth) {
  check_shape("edge_vec", edge_vec, {-1, 3});
  const int64_t ncenters = count_rows("edge_splits", edge_splits.size());
  check_edge_splits(ncenters, edge_splits.data(), edge_vec.shape(0));
  check_shape("type", type, {ncenters});
  check_shape("std_radial", std_radial, {avg.size()});
  check_shape("std_angular", std_angular, {avg.size()});
  EdgeRows edges{};
  edges.ncenters = ncenters;
  edges.nedge = edge_vec.shape(0);
  edges.edge_splits = edge_splits.data();
  edges.type = type.data();
  edges.edge_vec = edge_vec.data();
  edges.ntypes = int(avg.size());
  edges.avg = avg.data();
  edges.std_radial = std_radial.data();
  edges.std_angular = std_angular.data();
  edges.cutoff = {rcut_smth, rcut};
  check_edge_rows(edges);
  edges.edge_splits = session.in(edge_splits);
  edges.type = session.in(type);
  edges.edge_vec = session.in(edge_vec);
  edges.avg = session.in(avg);
  edges.std_radial = session.in(std_radial);
  edges.std_angular = session.in(std_angular);
  return edges;
}

/// The edges of a call, checked, as the device sees them.
EdgeList make_edges(Session& session, const Array<int64_t>& edge_splits, const Array<int32_t>& neighbor, int64_t natoms,
                    const Array<int>* frame_splits = nullptr) {
  const int64_t ncenters = count_rows("edge_splits", edge_splits.size());
  check_shape("neighbor", neighbor, {-1});
  check_edge_splits(ncenters, edge_splits.data(), neighbor.size());
  const EdgeList edges{ncenters, natoms, neighbor.size(), edge_splits.data(), neighbor.data()};
  check_edge_neighbors(CpuDevice(), edges);
  if (frame_splits != nullptr) {
    check_edge_neighbors(CpuDevice(), edges, {int(frame_splits->size()) - 1, frame_splits->data()});
  }
  return {ncenters, natoms, neighbor.size(), session.in(edge_splits), session.in(neighbor)};
}

Array<double> force(const Array<double>& edge_grad, const Array<int64_t>& edge_splits, const Array<int32_t>& neighbor,
                    int64_t natoms, int threads) {
  Session session(threads);
  const EdgeList edges = make_edges(session, edge_splits, neighbor, natoms);
  check_shape("edge_grad", edge_grad, {edges.nedge, 3});
  Array<double> out({pb::ssize_t(natoms), pb::ssize_t(3)});
  const double* g = session.in(edge_grad);
  double* f = session.out(out);
  session.run([&] { edge_force(session.device(), edges, g, f); });
  return out;
}

Array<double> force_grad(const Array<double>& grad, const Array<int64_t>& edge_splits, const Array<int32_t>& neighbor,
                         int threads) {
  check_shape("grad", grad, {-1, 3});
  Session session(threads);
  const EdgeList edges = make_edges(session, edge_splits, neighbor, grad.shape(0));
  Array<double> out({pb::ssize_t(edges.nedge), pb::ssize_t(3)});
  const double* g = session.in(grad);
  double* result = session.out(out);
  session.run([&] { edge_force_grad(session.device(), edges, g, result); });
  return out;
}

/// The edges of a virial and their frames.
struct Virial {
  Virial(const Array<int64_t>& edge_splits, const Array<int32_t>& neighbor, const Array<int>& frame_splits,
         const Array<double>& edge_vec, int threads)
      : session(threads) {
    const int nframes = int(count_rows("frame_splits", frame_splits.size()));
    natoms = frame_splits.data()[nframes];
    check_frame_splits(nframes, frame_splits.data(), natoms);
    edges = make_edges(session, edge_splits, neighbor, natoms, &frame_splits);
    check_shape("edge_vec", edge_vec, {edges.nedge, 3});
    vec = session.in(edge_vec);
    frames = {nframes, session.in(frame_splits)};
  }

  Session session;
  FrameSplits frames;
  pb::ssize_t natoms;
  EdgeList edges;
  const double* vec;
};

pb::tuple virial(const Array<double>& edge_grad, const Array<double>& edge_vec, const Array<int64_t>& edge_splits,
                 const Array<int32_t>& neighbor, const Array<int>& frame_splits, int threads) {
  Virial v(edge_splits, neighbor, frame_splits, edge_vec, threads);
  check_shape("edge_grad", edge_grad, {v.edges.nedge, 3});
  Array<double> total({pb::ssize_t(v.frames.nframes), pb::ssize_t(9)}), atoms({v.natoms, pb::ssize_t(9)});
  const double* g = v.session.in(edge_grad);
  double *of_frames = v.session.out(total), *of_atoms = v.session.out(atoms);
  v.session.run([&] { edge_virial(v.session.device(), v.edges, v.frames, g, v.vec, of_frames, of_atoms); });
  return pb::make_tuple(total, atoms);
}

Array<double> virial_grad(const Array<double>& grad, const Array<double>& grad_atom, const Array<double>& edge_vec,
                          const Array<int64_t>& edge_splits, const Array<int32_t>& neighbor,
                          const Array<int>& frame_splits, int threads) {
  Virial v(edge_splits, neighbor, frame_splits, edge_vec, threads);
  check_shape("grad", grad, {v.frames.nframes, 9});
  check_shape("grad_atom", grad_atom, {v.natoms, 9});
  Array<double> out({pb::ssize_t(v.edges.nedge), pb::ssize_t(3)});
  const double *of_frames = v.session.in(grad), *of_atoms = v.session.in(grad_atom);
  double* result = v.session.out(out);
  v.session.run([&] { edge_virial_grad(v.session.device(), v.edges, v.frames, of_frames, of_atoms, v.vec, result); });
  return out;
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
        Session session(threads);
        const EdgeRows edges =
            make_rows(session, edge_vec, edge_splits, type, avg, std_radial, std_angular, rcut, rcut_smth);
        Array<double> out({edge_vec.shape(0), pb::ssize_t(4)});
        double* rows = session.out(out);
        session.run([&] { edge_rows(session.device(), edges, rows); });
        return out;
      },
      arg("edge_vec"), arg("edge_splits"), arg("type"), arg("avg"), arg("std_radial"), arg("std_angular"), arg("rcut"),
      arg("rcut_smth"), arg("threads") = 1, "edge_vec [nedge, 3], type [ncenters], tables [ntypes] -> rows [nedge, 4]");
  using Kernel = void (*)(const Device&, const EdgeRows&, const double*, double*);
  const auto bind = [&module](const char* name, int in, int out, Kernel kernel, const char* doc) {
    module.def(
        name,
        [=](In input, In edge_vec, Splits edge_splits, Types type, In avg, In std_radial, In std_angular, double rcut,
            double rcut_smth, int threads) {
          Session session(threads);
          const EdgeRows edges =
              make_rows(session, edge_vec, edge_splits, type, avg, std_radial, std_angular, rcut, rcut_smth);
          check_shape("input", input, {edge_vec.shape(0), in});
          Array<double> output({edge_vec.shape(0), pb::ssize_t(out)});
          const double* values = session.in(input);
          double* result = session.out(output);
          session.run([&] { kernel(session.device(), edges, values, result); });
          return output;
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
