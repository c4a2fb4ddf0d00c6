#include "deepmd/neighbors.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <string>

#include "cpu/cell_list.h"
#include "cpu/row_blocks.h"
#include "deepmd/error.h"

namespace deepmd {
namespace {

constexpr int64_t kNanosecondsPerCentre = 3000;
constexpr int64_t kNanosecondsPerListed = 20;
constexpr int64_t kNanosecondsPerAtom = 60;
// Rows of this length or results of this size come from a mistake in the input (a unit, a collapsed cell) and would
// exhaust the memory before anyone sees a message.
constexpr double kMaxNeighbors = 1e6;
constexpr double kMaxEdges = 2147483647.0;

/// One frame of a search, however its caller describes it.
struct Frame {
  int64_t first_atom;    ///< in coord and type
  int64_t first_centre;  ///< among the rows
  int nall;
  int nloc;
  const double* cell;  ///< null where nothing repeats
  std::array<bool, 3> periodic;
  int64_t offset;  ///< added to the index of an atom in its frame to give `neighbor`
};

/// The frames of a search and what it shall do.
struct Search {
  std::vector<Frame> frames;
  int64_t centres;
  const double* coord;
  const int* type;
  double rcut;
  int ntypes;              ///< to count neighbours of
  bool refuse_coincident;  ///< whether two atoms at one position are an error
};

void check_rcut(double rcut) {
  if (!(rcut > 0) || !std::isfinite(rcut)) {
    throw InputError("rcut must be positive and finite, got " + std::to_string(rcut));
  }
}

std::string frame_name(int64_t frame) { return "frame " + std::to_string(frame) + ", "; }

[[noreturn]] void throw_coincident(int64_t frame, int64_t one, int64_t other) {
  throw InputError("frame " + std::to_string(frame) + ": atoms " + std::to_string(one) + " and " +
                   std::to_string(other) + " are at the same position");
}

using Lists = std::vector<std::unique_ptr<CellList>>;

Lists build_lists(const CpuDevice& device, const Search& search) {
  const int64_t nframes = search.frames.size();
  Lists lists(nframes);
  int64_t natoms = 0;
  for (const Frame& frame : search.frames) natoms += frame.nall;
  device.parallel_for(nframes, kNanosecondsPerAtom * natoms / std::max<int64_t>(nframes, 1), [&](auto begin, auto end) {
    for (int64_t f = begin; f < end; ++f) {
      const Frame& frame = search.frames[f];
      try {
        lists[f] = std::make_unique<CellList>(frame.nall, search.coord + frame.first_atom * 3,
                                              search.type + frame.first_atom, frame.cell, frame.periodic, search.rcut);
      } catch (const InputError& error) {
        throw InputError(frame_name(f) + error.what());
      }
    }
  });
  double edges = 0;
  for (int64_t f = 0; f < nframes; ++f) {
    const double expected = lists[f]->expected_neighbors();
    edges += expected * search.frames[f].nloc;
    if (expected > kMaxNeighbors || edges > kMaxEdges) {
      throw InputError(frame_name(f) + "about " + std::to_string(int64_t(expected)) +
                       " neighbours per atom; is the cell or the cutoff in the wrong unit?");
    }
  }
  return lists;
}

/// Appends the row of a centre of a frame; returns its length.
int64_t append_row(const Search& search, const Lists& lists, int64_t frame, int centre, int64_t rows,
                   RowScratch& scratch, RowBlock& block) {
  const CellList& list = *lists[frame];
  const Candidates& found = scratch.found;
  list.find(centre, scratch.found);
  const int ranks = int(list.types().size());
  const int64_t offset = search.frames[frame].offset;
  size_t e = block.append(found.count, rows);
  for (const int k : scratch.order.sort({list.type_rank(), list.index(), ranks, search.rcut}, found)) {
    const int other = list.neighbor(found, k);
    if (search.refuse_coincident && found.distance2[k] < kCoincident * kCoincident) {
      throw_coincident(frame, centre, other);
    }
    block.neighbor[e] = int32_t(other + offset);
    list.edge(centre, found, k, &block.edge_vec[3 * e++]);
  }
  for (int rank = 0; rank < ranks; ++rank) {
    const int type = list.types()[rank];
    if (type < search.ntypes) scratch.most[type] = std::max(scratch.most[type], scratch.order.count(rank));
  }
  return found.count;
}

std::vector<int> run(const CpuDevice& device, const Search& search, int64_t* edge_splits, const MakeRoom& make_room) {
  const Lists lists = build_lists(device, search);
  std::vector<int64_t> begins;
  for (const Frame& frame : search.frames) begins.push_back(frame.first_centre);
  const auto append = [&](int64_t c, int64_t rows, RowScratch& scratch, RowBlock& block) {
    const int64_t frame = std::upper_bound(begins.begin(), begins.end(), c) - begins.begin() - 1;
    return append_row(search, lists, frame, int(c - begins[frame]), rows, scratch, block);
  };
  return collect_rows(device, search.centres, search.ntypes, kNanosecondsPerCentre, edge_splits, make_room, append);
}

/// The search of frames of one size.
Neighbors run(const CpuDevice& device, const Atoms& atoms, const Cells* cells, double rcut) {
  check_rcut(rcut);
  if (atoms.nframes < 0 || atoms.nloc < 0 || atoms.nall < atoms.nloc) {
    throw InputError("expected 0 <= nloc <= nall, got nloc " + std::to_string(atoms.nloc) + ", nall " +
                     std::to_string(atoms.nall));
  }
  Search search{{}, int64_t(atoms.nframes) * atoms.nloc, atoms.coord, atoms.type, rcut, 0, false};
  for (int64_t f = 0; f < atoms.nframes; ++f) {
    search.frames.push_back({f * atoms.nall, f * atoms.nloc, atoms.nall, atoms.nloc,
                             cells ? cells->vectors + f * 9 : nullptr, cells ? cells->periodic : std::array<bool, 3>{},
                             0});
  }
  Neighbors result;
  result.edge_splits.resize(search.centres + 1);
  run(device, search, result.edge_splits.data(), [&result](int64_t nedge) {
    result.neighbor.resize(nedge);
    result.edge_vec.resize(3 * nedge);
    return EdgeRoom{result.neighbor.data(), result.edge_vec.data()};
  });
  return result;
}

void check_type(int type, int ntypes, int64_t frame, int64_t atom) {
  if (type >= 0 && type < ntypes) return;
  throw InputError(frame_name(frame) + "atom " + std::to_string(atom) + ": expected a type in [0, " +
                   std::to_string(ntypes) + "), got " + std::to_string(type));
}

void check_list(const NeighborList& list) {
  if (list.nloc < 0 || list.nall < list.nloc) {
    throw InputError("expected 0 <= nloc <= nall, got nloc " + std::to_string(list.nloc) + ", nall " +
                     std::to_string(list.nall));
  }
  check_coordinates(list.nall, list.coord);
  for (int64_t i = 0; i < list.nall; ++i) check_type(list.type[i], list.ntypes, 0, i);
  bool rising = list.list_splits[0] == 0;
  for (int64_t i = 0; i < list.nloc; ++i) rising = rising && list.list_splits[i] <= list.list_splits[i + 1];
  if (!rising || list.list_splits[list.nloc] != list.list_length) {
    throw InputError("list_splits: expected numbers that begin at 0, never fall and end at the length " +
                     std::to_string(list.list_length) + " of list_neighbor");
  }
}

/// What of a centre's list is within the cutoff.
void find_listed(const NeighborList& list, double rcut2, int64_t centre, Candidates& found) {
  const int64_t begin = list.list_splits[centre], end = list.list_splits[centre + 1];
  const double* own = list.coord + 3 * centre;
  found.count = 0;
  found.reserve(size_t(end - begin));
  for (int64_t k = begin; k < end; ++k) {
    const int64_t other = list.neighbor[k];
    if (other < 0 || other >= list.nall || other == centre) {
      throw InputError("list_neighbor: expected atoms in [0, " + std::to_string(list.nall) +
                       ") other than the centre, got " + std::to_string(other) + " for centre " +
                       std::to_string(centre));
    }
    const double* there = list.coord + 3 * other;
    const double x = there[0] - own[0], y = there[1] - own[1], z = there[2] - own[2];
    const double distance2 = x * x + y * y + z * z;
    found.distance2[found.count] = distance2;
    found.slot[found.count] = int(other);
    found.image[found.count] = 0;
    found.count += distance2 < rcut2;
  }
}

}  // namespace

void check_types(const Atoms& atoms, int ntypes) {
  for (int64_t k = 0; k < int64_t(atoms.nframes) * atoms.nall; ++k) {
    check_type(atoms.type[k], ntypes, k / atoms.nall, k % atoms.nall);
  }
}

void check_frame_splits(int nframes, const int* frame_splits, int64_t natoms) {
  bool rising = nframes >= 0 && frame_splits[0] == 0;
  for (int f = 0; f < nframes; ++f) rising = rising && frame_splits[f] <= frame_splits[f + 1];
  if (!rising || frame_splits[nframes] != natoms) {
    throw InputError("frame_splits: expected numbers that begin at 0, never fall and end at the number of atoms, " +
                     std::to_string(natoms));
  }
}

Neighbors periodic_neighbors(const CpuDevice& device, const Atoms& atoms, const Cells& cells, double rcut) {
  if (atoms.nloc != atoms.nall) {
    throw InputError("a periodic frame has no ghost atoms: expected nall = nloc = " + std::to_string(atoms.nloc) +
                     ", got nall = " + std::to_string(atoms.nall));
  }
  return run(device, atoms, &cells, rcut);
}

Neighbors open_neighbors(const CpuDevice& device, const Atoms& atoms, double rcut) {
  return run(device, atoms, nullptr, rcut);
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

std::vector<int> batch_neighbors(const CpuDevice& device, const FrameBatch& batch, double rcut, int64_t* edge_splits,
                                 const MakeRoom& make_room) {
  check_rcut(rcut);
  Search search{{}, batch.frame_splits[batch.nframes], batch.coord, batch.type, rcut, batch.ntypes, true};
  for (int f = 0; f < batch.nframes; ++f) {
    const int first = batch.frame_splits[f], count = batch.frame_splits[f + 1] - first;
    for (int i = 0; i < count; ++i) check_type(batch.type[first + i], batch.ntypes, f, i);
    search.frames.push_back({first,
                             first,
                             count,
                             count,
                             batch.periodic[f] ? batch.cells + int64_t(f) * 9 : nullptr,
                             {true, true, true},
                             first});
  }
  return run(device, search, edge_splits, make_room);
}

std::vector<int> listed_neighbors(const CpuDevice& device, const NeighborList& list, double rcut, int64_t* edge_splits,
                                  const MakeRoom& make_room) {
  check_rcut(rcut);
  check_list(list);
  std::vector<int> index(list.nall);
  for (int64_t i = 0; i < list.nall; ++i) index[i] = int(i);
  const RowKeys keys{list.type, index.data(), list.ntypes, rcut};
  const auto append = [&](int64_t c, int64_t rows, RowScratch& scratch, RowBlock& block) -> int64_t {
    const Candidates& found = scratch.found;
    find_listed(list, rcut * rcut, c, scratch.found);
    const size_t begin = block.append(found.count, rows);
    size_t e = begin;
    for (const int k : scratch.order.sort(keys, found)) {
      const int other = found.slot[k];
      if (found.distance2[k] < kCoincident * kCoincident) throw_coincident(0, c, other);
      if (e > begin && block.neighbor[e - 1] == other) {
        throw InputError("list_neighbor: atom " + std::to_string(other) + " is in the list of centre " +
                         std::to_string(c) + " twice");
      }
      block.neighbor[e] = other;
      for (int a = 0; a < 3; ++a)
        block.edge_vec[3 * e + a] = list.coord[3 * int64_t(other) + a] - list.coord[3 * c + a];
      ++e;
    }
    for (int t = 0; t < list.ntypes; ++t) scratch.most[t] = std::max(scratch.most[t], scratch.order.count(t));
    return found.count;
  };
  const int64_t cost = kNanosecondsPerListed * (list.list_length / std::max<int64_t>(list.nloc, 1) + 1);
  return collect_rows(device, list.nloc, list.ntypes, cost, edge_splits, make_room, append);
}

}  // namespace deepmd
