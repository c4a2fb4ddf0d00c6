#include "deepmd/neighbors.h"

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

Atoms make_atoms(const Array<double>& coord, const Array<int>& type, int nloc) {
  check_shape("coord", coord, {-1, -1, 3});
  check_shape("type", type, {coord.shape(0), coord.shape(1)});
  return {int(coord.shape(0)), nloc, int(coord.shape(1)), coord.data(), type.data()};
}

pb::tuple to_tuple(Neighbors&& found) {
  const pb::ssize_t rows = found.edge_splits.size(), nedge = found.neighbor.size();
  return pb::make_tuple(to_array(std::move(found.edge_splits), {rows}), to_array(std::move(found.neighbor), {nedge}),
                        to_array(std::move(found.edge_vec), {nedge, 3}));
}

pb::tuple neighbors_periodic(const Array<double>& coord, const Array<int>& type, const Array<double>& cell,
                             std::array<bool, 3> pbc, double rcut, int threads) {
  const Atoms atoms = make_atoms(coord, type, coord.ndim() > 1 ? int(coord.shape(1)) : 0);
  check_shape("cell", cell, {coord.shape(0), 3, 3});
  const Cells cells{cell.data(), pbc};
  Neighbors found;
  {
    pb::gil_scoped_release release;
    found = periodic_neighbors(CpuDevice::threads(threads), atoms, cells, rcut);
  }
  return to_tuple(std::move(found));
}

pb::tuple neighbors_open(const Array<double>& coord, const Array<int>& type, int nloc, double rcut, int threads) {
  const Atoms atoms = make_atoms(coord, type, nloc);
  Neighbors found;
  {
    pb::gil_scoped_release release;
    found = open_neighbors(CpuDevice::threads(threads), atoms, rcut);
  }
  return to_tuple(std::move(found));
}

pb::tuple neighbors_of_frames(const Array<double>& coord, const Array<int>& type, const Array<int>& frame_splits,
                              const Array<double>& cell, const Array<bool>& periodic, int ntypes, double rcut,
                              int threads) {
  const pb::ssize_t natoms = type.size(), nframes = periodic.size();
  check_shape("type", type, {-1});
  check_shape("coord", coord, {natoms, 3});
  check_shape("frame_splits", frame_splits, {nframes + 1});
  check_shape("cell", cell, {nframes, 3, 3});
  check_frame_splits(int(nframes), frame_splits.data(), natoms);
  check_types({1, int(natoms), int(natoms), nullptr, type.data()}, ntypes);
  const FrameBatch batch{int(nframes), frame_splits.data(), coord.data(), type.data(),
                         cell.data(),  periodic.data(),     ntypes};
  Neighbors found;
  std::vector<int> most;
  {
    pb::gil_scoped_release release;
    found.edge_splits.resize(natoms + 1);
    most = batch_neighbors(CpuDevice::threads(threads), batch, rcut, found.edge_splits.data(), [&](int64_t nedge) {
      found.neighbor.resize(nedge);
      found.edge_vec.resize(3 * nedge);
      return EdgeRoom{found.neighbor.data(), found.edge_vec.data()};
    });
  }
  const pb::ssize_t width = most.size();
  return pb::make_tuple(to_tuple(std::move(found)), to_array(std::move(most), {width}));
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
