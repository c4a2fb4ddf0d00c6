#include "deepmd/neighbors.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <string>

#include "cpu/cell_list.h"
#include "cpu/row_order.h"
#include "deepmd/error.h"

namespace deepmd {
namespace {

// Centres that are searched as one item of work; the result does not depend on it.
constexpr int64_t kBlock = 16;
constexpr int64_t kNanosecondsPerCentre = 3000;
constexpr int64_t kNanosecondsPerAtom = 60;
// Rows of this length or results of this size come from a mistake in the input (a unit, a collapsed cell) and would
// exhaust the memory before anyone sees a message.
constexpr double kMaxNeighbors = 1e6;
constexpr double kMaxEdges = 2147483647.0;

struct Block {
  std::vector<int> row_sizes;
  std::vector<int32_t> neighbor;
  std::vector<double> edge_vec;
};

void check(const Atoms& atoms, double rcut) {
  if (!(rcut > 0) || !std::isfinite(rcut)) {
    throw InputError("rcut must be positive and finite, got " + std::to_string(rcut));
  }
  if (atoms.nframes < 0 || atoms.nloc < 0 || atoms.nall < atoms.nloc) {
    throw InputError("expected 0 <= nloc <= nall, got nloc " + std::to_string(atoms.nloc) + ", nall " +
                     std::to_string(atoms.nall));
  }
}

std::string frame_name(int64_t frame) { return "frame " + std::to_string(frame) + ", "; }

std::vector<std::unique_ptr<CellList>> build_lists(const CpuDevice& device, const Atoms& atoms, const Cells* cells,
                                                   double rcut) {
  std::vector<std::unique_ptr<CellList>> lists(atoms.nframes);
  device.parallel_for(atoms.nframes, kNanosecondsPerAtom * atoms.nall, [&](int64_t begin, int64_t end) {
    for (int64_t f = begin; f < end; ++f) {
      try {
        lists[f] = std::make_unique<CellList>(atoms.nall, atoms.coord + f * atoms.nall * 3, atoms.type + f * atoms.nall,
                                              cells ? cells->vectors + f * 9 : nullptr,
                                              cells ? cells->periodic : std::array<bool, 3>{}, rcut);
      } catch (const InputError& error) {
        throw InputError(frame_name(f) + error.what());
      }
      const double expected = lists[f]->expected_neighbors();
      if (expected > kMaxNeighbors || expected * atoms.nloc * atoms.nframes > kMaxEdges) {
        throw InputError(frame_name(f) + "about " + std::to_string(int64_t(expected)) +
                         " neighbours per atom; is the cell or the cutoff in the wrong unit?");
      }
    }
  });
  return lists;
}

void search_block(const std::vector<std::unique_ptr<CellList>>& lists, int64_t begin, int64_t end, int nloc,
                  Candidates& found, RowOrder& order, Block& block) {
  for (int64_t c = begin; c < end; ++c) {
    const CellList& list = *lists[c / nloc];
    const int centre = int(c % nloc);
    list.find(centre, found);
    size_t e = block.neighbor.size();
    if (e == 0) {  // rows of a block are about equally long
      block.neighbor.reserve(size_t(found.count) * kBlock * 5 / 4);
      block.edge_vec.reserve(3 * size_t(found.count) * kBlock * 5 / 4);
    }
    block.row_sizes.push_back(found.count);
    block.neighbor.resize(e + found.count);
    block.edge_vec.resize(3 * (e + found.count));
    for (const int k : order.sort(list, found)) {
      block.neighbor[e] = list.neighbor(found, k);
      list.edge(centre, found, k, &block.edge_vec[3 * e++]);
    }
  }
}

Neighbors search(const CpuDevice& device, const Atoms& atoms, const Cells* cells, double rcut) {
  check(atoms, rcut);
  const auto lists = build_lists(device, atoms, cells, rcut);
  const int64_t centres = int64_t(atoms.nframes) * atoms.nloc;
  const int64_t nblocks = (centres + kBlock - 1) / kBlock;
  std::vector<Block> blocks(nblocks);
  device.parallel_for(nblocks, kBlock * kNanosecondsPerCentre, [&](int64_t begin, int64_t end) {
    Candidates found;
    RowOrder order;
    for (int64_t b = begin; b < end; ++b) {
      search_block(lists, b * kBlock, std::min((b + 1) * kBlock, centres), atoms.nloc, found, order, blocks[b]);
    }
  });

  Neighbors result;
  result.edge_splits.reserve(centres + 1);
  result.edge_splits.push_back(0);
  for (const Block& block : blocks) {
    for (const int size : block.row_sizes) result.edge_splits.push_back(result.edge_splits.back() + size);
  }
  result.neighbor.reserve(result.edge_splits.back());
  result.edge_vec.reserve(3 * result.edge_splits.back());
  for (const Block& block : blocks) {
    result.neighbor.insert(result.neighbor.end(), block.neighbor.begin(), block.neighbor.end());
    result.edge_vec.insert(result.edge_vec.end(), block.edge_vec.begin(), block.edge_vec.end());
  }
  return result;
}

}  // namespace

void check_types(const Atoms& atoms, int ntypes) {
  for (int64_t k = 0; k < int64_t(atoms.nframes) * atoms.nall; ++k) {
    if (atoms.type[k] < 0 || atoms.type[k] >= ntypes) {
      throw InputError("frame " + std::to_string(k / atoms.nall) + ", atom " + std::to_string(k % atoms.nall) +
                       ": expected a type in [0, " + std::to_string(ntypes) + "), got " +
                       std::to_string(atoms.type[k]));
    }
  }
}

Neighbors periodic_neighbors(const CpuDevice& device, const Atoms& atoms, const Cells& cells, double rcut) {
  if (atoms.nloc != atoms.nall) {
    throw InputError("a periodic frame has no ghost atoms: expected nall = nloc = " + std::to_string(atoms.nloc) +
                     ", got nall = " + std::to_string(atoms.nall));
  }
  return search(device, atoms, &cells, rcut);
}

Neighbors open_neighbors(const CpuDevice& device, const Atoms& atoms, double rcut) {
  return search(device, atoms, nullptr, rcut);
}

std::vector<int> max_neighbors(const Atoms& atoms, const Neighbors& neighbors, int ntypes) {
  std::vector<int> most(ntypes, 0);
  std::vector<int> count(ntypes);
  const int64_t centres = int64_t(neighbors.edge_splits.size()) - 1;
  for (int64_t c = 0; c < centres; ++c) {
    const int* type = atoms.type + c / atoms.nloc * atoms.nall;
    std::fill(count.begin(), count.end(), 0);
    for (int64_t e = neighbors.edge_splits[c]; e < neighbors.edge_splits[c + 1]; ++e) {
      ++count[type[neighbors.neighbor[e]]];
    }
    for (int t = 0; t < ntypes; ++t) most[t] = std::max(most[t], count[t]);
  }
  return most;
}

}  // namespace deepmd
