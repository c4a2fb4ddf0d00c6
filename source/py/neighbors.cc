#include "deepmd/neighbors.h"

#include <algorithm>
#include <array>
#include <cstdint>

#include "frames.h"
#include "session.h"

namespace deepmd::py {
namespace {

/// What a search returns.
struct Found {
  std::vector<int64_t> edge_splits;
  std::vector<int32_t> neighbor;
  std::vector<double> edge_vec;
  std::vector<int> max_neighbors;

  MakeRoom make_room(Session& session) {
    return [this, &session](int64_t nedge) {
      neighbor.resize(nedge);
      edge_vec.resize(3 * nedge);
      return EdgeRoom{session.out(neighbor.data(), nedge), session.out(edge_vec.data(), 3 * nedge)};
    };
  }

  pb::tuple rows() {
    const pb::ssize_t rows = edge_splits.size(), nedge = neighbor.size();
    return pb::make_tuple(to_array(std::move(edge_splits), {rows}), to_array(std::move(neighbor), {nedge}),
                          to_array(std::move(edge_vec), {nedge, 3}));
  }
  pb::tuple rows_and_max() { return rows() + pb::make_tuple(pb::cast(max_neighbors)); }
};

/// Every frame of a batch, which is checked.
Found search_batch(FrameBatch batch, double rcut, int threads) {
  Session session(threads);
  const int64_t natoms = batch.frame_splits[batch.nframes];
  batch.coord = session.in(batch.coord, 3 * natoms);
  batch.type = session.in(batch.type, natoms);
  Found found;
  found.edge_splits.resize(natoms + 1);
  int64_t* edge_splits = session.out(found.edge_splits.data(), natoms + 1);
  const MakeRoom make_room = found.make_room(session);
  session.run([&] { found.max_neighbors = batch_neighbors(session.device(), batch, rcut, edge_splits, make_room); });
  return found;
}

pb::tuple neighbors_batch(const Array<double>& coord, const Array<int>& type, const Array<int>& frame_splits,
                          const Array<double>& cell, const Array<bool>& periodic, double rcut, int ntypes,
                          int threads) {
  return search_batch(make_batch(coord, type, frame_splits, cell, periodic, ntypes), rcut, threads).rows_and_max();
}

pb::tuple neighbors_of_frames(const Array<double>& coord, const Array<int>& type, const Array<int>& frame_splits,
                              const Array<double>& cell, const Array<bool>& periodic, int ntypes, double rcut,
                              int threads) {
  const FrameBatch batch = make_batch(coord, type, frame_splits, cell, periodic, ntypes);
  check_types({1, int(type.size()), int(type.size()), nullptr, type.data()}, ntypes);
  Found found = search_batch(batch, rcut, threads);
  const pb::ssize_t width = found.max_neighbors.size();
  return pb::make_tuple(found.rows(), to_array(std::move(found.max_neighbors), {width}));
}

pb::tuple neighbors_listed(const Array<double>& coord, const Array<int>& type, const Array<int64_t>& list_splits,
                           const Array<int32_t>& list_neighbor, double rcut, int ntypes, int threads) {
  NeighborList list = make_list(coord, type, list_splits, list_neighbor, ntypes);
  Session session(threads);
  list.coord = session.in(coord);
  list.type = session.in(type);
  list.list_splits = session.in(list_splits);
  list.neighbor = session.in(list_neighbor);
  Found found;
  found.edge_splits.resize(list.nloc + 1);
  int64_t* edge_splits = session.out(found.edge_splits.data(), list.nloc + 1);
  const MakeRoom make_room = found.make_room(session);
  session.run([&] { found.max_neighbors = listed_neighbors(session.device(), list, rcut, edge_splits, make_room); });
  return found.rows_and_max();
}

Atoms make_atoms(const Array<double>& coord, const Array<int>& type, int nloc) {
  check_shape("coord", coord, {-1, -1, 3});
  check_shape("type", type, {coord.shape(0), coord.shape(1)});
  return {int(coord.shape(0)), nloc, int(coord.shape(1)), coord.data(), type.data()};
}

#ifdef DEEPMD_PY_GPU
/// The frames in one search, `cells` null where nothing repeats. Types count by their order alone.
pb::tuple search_frames(Atoms atoms, const Cells* cells, double rcut, int threads) {
  const int64_t natoms = int64_t(atoms.nframes) * atoms.nall;
  std::vector<int> types(atoms.type, atoms.type + natoms), ranks(types);
  std::sort(types.begin(), types.end());
  types.erase(std::unique(types.begin(), types.end()), types.end());
  for (int& type : ranks) type = int(std::lower_bound(types.begin(), types.end(), type) - types.begin());
  Session session(threads);
  atoms.coord = session.in(atoms.coord, 3 * natoms);
  atoms.type = session.in(ranks);
  Found found;
  session.run([&] {
    const int ntypes = int(types.size());
    const DeviceNeighbors rows =
        cells != nullptr ? periodic_neighbors(session.device(), atoms, *cells, rcut, ntypes, found.max_neighbors)
                         : open_neighbors(session.device(), atoms, rcut, ntypes, found.max_neighbors);
    found.edge_splits.resize(int64_t(atoms.nframes) * atoms.nloc + 1);
    found.neighbor.resize(rows.nedge);
    found.edge_vec.resize(3 * rows.nedge);
    session.copy_back(found.edge_splits.data(), rows.edge_splits, sizeof(int64_t) * found.edge_splits.size());
    session.copy_back(found.neighbor.data(), rows.neighbor, sizeof(int32_t) * found.neighbor.size());
    session.copy_back(found.edge_vec.data(), rows.edge_vec, sizeof(double) * found.edge_vec.size());
  });
  return found.rows();
}
#else
pb::tuple search_frames(const Atoms& atoms, const Cells* cells, double rcut, int threads) {
  Session session(threads);
  Neighbors rows;
  session.run([&] {
    rows = cells != nullptr ? periodic_neighbors(session.device(), atoms, *cells, rcut)
                            : open_neighbors(session.device(), atoms, rcut);
  });
  Found found{std::move(rows.edge_splits), std::move(rows.neighbor), std::move(rows.edge_vec), {}};
  return found.rows();
}
#endif

pb::tuple neighbors_periodic(const Array<double>& coord, const Array<int>& type, const Array<double>& cell,
                             std::array<bool, 3> pbc, double rcut, int threads) {
  const Atoms atoms = make_atoms(coord, type, coord.ndim() > 1 ? int(coord.shape(1)) : 0);
  check_shape("cell", cell, {coord.shape(0), 3, 3});
  const Cells cells{cell.data(), pbc};
  return search_frames(atoms, &cells, rcut, threads);
}

pb::tuple neighbors_open(const Array<double>& coord, const Array<int>& type, int nloc, double rcut, int threads) {
  return search_frames(make_atoms(coord, type, nloc), nullptr, rcut, threads);
}

}  // namespace

void bind_neighbors(pb::module_& module) {
  using pb::arg;
  module.def(
      "neighbors_batch", &neighbors_batch, arg("coord"), arg("type"), arg("frame_splits"), arg("cell"), arg("periodic"),
      arg("rcut"), arg("ntypes"), arg("threads") = 1,
      "coord [natoms, 3], type [natoms], frame_splits [nframes + 1], cell [nframes, 3, 3], periodic [nframes] -> "
      "(edge_splits [natoms + 1], neighbor, edge_vec, max_neighbors [ntypes])");
  module.def("neighbors_listed", &neighbors_listed, arg("coord"), arg("type"), arg("list_splits"), arg("list_neighbor"),
             arg("rcut"), arg("ntypes"), arg("threads") = 1,
             "coord [nall, 3], type [nall], list_splits [nloc + 1], list_neighbor [list_length] -> as neighbors_batch");
  module.def(
      "neighbors_periodic", &neighbors_periodic, pb::arg("coord"), pb::arg("type"), pb::arg("cell"), pb::arg("pbc"),
      pb::arg("rcut"), pb::arg("threads") = 1,
      "coord [nframes, nall, 3], type [nframes, nall], cell [nframes, 3, 3] -> (edge_splits, neighbor, edge_vec)");
  module.def(
      "neighbors_open", &neighbors_open, pb::arg("coord"), pb::arg("type"), pb::arg("nloc"), pb::arg("rcut"),
      pb::arg("threads") = 1,
      "coord [nframes, nall, 3], type [nframes, nall] -> (edge_splits, neighbor, edge_vec) of the first nloc atoms");
  module.def(
      "neighbors_of_frames", &neighbors_of_frames, pb::arg("coord"), pb::arg("type"), pb::arg("frame_splits"),
      pb::arg("cell"), pb::arg("periodic"), pb::arg("ntypes"), pb::arg("rcut"), pb::arg("threads") = 1,
      "coord [natoms, 3], type [natoms], frame_splits [nframes + 1], cell [nframes, 3, 3], periodic [nframes] -> "
      "((edge_splits, neighbor, edge_vec), max_neighbors [ntypes])");
}

}  // namespace deepmd::py
