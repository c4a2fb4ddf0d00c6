#include "deepmd/neighbors.h"

#include <algorithm>
#include <mutex>
#include <string>

#include "cpu/row_source.h"
#include "deepmd/error.h"

namespace deepmd {
namespace {

constexpr int64_t kNanosecondsPerCenter = 3000;
constexpr int64_t kNanosecondsPerListed = 20;

/// Centers that are searched as one item of work; the result does not depend on it.
constexpr int64_t kCentersPerBlock = 16;

/// Finds the rows of all centers and puts them one after another.
///
/// Writes edge_splits [centers + 1]; returns the largest number of neighbors of each type that any center has,
/// [ntypes].
std::vector<int> collect_rows(const CpuDevice& device, const RowSource& source, int ntypes,
                              int64_t nanoseconds_per_center, int64_t* edge_splits, const MakeRoom& make_room) {
  const int64_t centers = source.centers();
  const int64_t nblocks = (centers + kCentersPerBlock - 1) / kCentersPerBlock;
  std::vector<RowBlock> blocks(nblocks);
  std::vector<int> max_neighbors(ntypes, 0);
  std::mutex mutex;
  device.parallel_for(nblocks, kCentersPerBlock * nanoseconds_per_center, [&](int64_t begin, int64_t end) {
    RowScratch scratch;
    scratch.max_neighbors.assign(ntypes, 0);
    for (int64_t b = begin; b < end; ++b) {
      const int64_t last = std::min((b + 1) * kCentersPerBlock, centers);
      for (int64_t c = b * kCentersPerBlock; c < last; ++c) {
        edge_splits[c + 1] = source.append(c, kCentersPerBlock, scratch, blocks[b]);
      }
    }
    const std::lock_guard<std::mutex> lock(mutex);
    for (int t = 0; t < ntypes; ++t) max_neighbors[t] = std::max(max_neighbors[t], scratch.max_neighbors[t]);
  });

  edge_splits[0] = 0;
  for (int64_t c = 0; c < centers; ++c) edge_splits[c + 1] += edge_splits[c];
  const int64_t nedge = edge_splits[centers];
  const EdgeRoom room = make_room(nedge);
  device.parallel_for(nblocks, 4 * nedge / std::max<int64_t>(nblocks, 1) + 100, [&](int64_t begin, int64_t end) {
    for (int64_t b = begin; b < end; ++b) {
      const int64_t first = edge_splits[b * kCentersPerBlock];
      std::copy(blocks[b].neighbor.begin(), blocks[b].neighbor.end(), room.neighbor + first);
      std::copy(blocks[b].edge_vec.begin(), blocks[b].edge_vec.end(), room.edge_vec + 3 * first);
      blocks[b] = RowBlock();
    }
  });
  return max_neighbors;
}

std::vector<int> run(const CpuDevice& device, const Search& search, int64_t* edge_splits, const MakeRoom& make_room) {
  const SearchedRows source(device, search);
  source.check_edges();
  return collect_rows(device, source, search.ntypes, kNanosecondsPerCenter, edge_splits, make_room);
}

/// The search of frames of one size.
Neighbors run(const CpuDevice& device, const Atoms& atoms, const Cells* cells, double rcut) {
  check_counts(atoms.nloc, atoms.nall);
  Search search{{}, int64_t(atoms.nframes) * atoms.nloc, atoms.coord, atoms.type, rcut, 0, false};
  for (int64_t f = 0; f < atoms.nframes; ++f) {
    search.frames.push_back({f * atoms.nall, f * atoms.nloc, atoms.nall, atoms.nloc,
                             cells ? cells->vectors + f * 9 : nullptr, cells ? cells->periodic : std::array<bool, 3>{},
                             0});
  }
  Neighbors result;
  result.edge_splits.resize(search.centers + 1);
  run(device, search, result.edge_splits.data(), [&result](int64_t nedge) {
    result.neighbor.resize(nedge);
    result.edge_vec.resize(3 * nedge);
    return EdgeRoom{result.neighbor.data(), result.edge_vec.data()};
  });
  return result;
}

}  // namespace

Neighbors periodic_neighbors(const CpuDevice& device, const Atoms& atoms, const Cells& cells, double rcut) {
  check_no_ghosts(atoms.nloc, atoms.nall);
  return run(device, atoms, &cells, rcut);
}

Neighbors open_neighbors(const CpuDevice& device, const Atoms& atoms, double rcut) {
  return run(device, atoms, nullptr, rcut);
}

std::vector<int> max_neighbors(const Atoms& atoms, const Neighbors& neighbors, int ntypes) {
  std::vector<int> max_neighbors(ntypes, 0);
  std::vector<int> count(ntypes);
  const int64_t centers = int64_t(neighbors.edge_splits.size()) - 1;
  for (int64_t c = 0; c < centers; ++c) {
    const int* type = atoms.type + c / atoms.nloc * atoms.nall;
    std::fill(count.begin(), count.end(), 0);
    for (int64_t e = neighbors.edge_splits[c]; e < neighbors.edge_splits[c + 1]; ++e) {
      ++count[type[neighbors.neighbor[e]]];
    }
    for (int t = 0; t < ntypes; ++t) max_neighbors[t] = std::max(max_neighbors[t], count[t]);
  }
  return max_neighbors;
}

std::vector<int> batch_neighbors(const CpuDevice& device, const FrameBatch& batch, double rcut, int64_t* edge_splits,
                                 const MakeRoom& make_room) {
  return run(device, make_search(batch, rcut), edge_splits, make_room);
}

std::vector<int> listed_neighbors(const CpuDevice& device, const NeighborList& list, double rcut, int64_t* edge_splits,
                                  const MakeRoom& make_room) {
  const int64_t cost = kNanosecondsPerListed * (list.list_length / std::max<int64_t>(list.nloc, 1) + 1);
  return collect_rows(device, ListedRows(list, rcut), list.ntypes, cost, edge_splits, make_room);
}

}  // namespace deepmd
