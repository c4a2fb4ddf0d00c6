#include "cpu/row_source.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "deepmd/error.h"

namespace deepmd {
namespace {

constexpr int64_t kNanosecondsPerAtom = 60;
// Rows of this length or results of this size come from a mistake in the input (a unit, a collapsed cell) and would
// exhaust the memory before anyone sees a message.
constexpr double kMaxNeighbors = 1e6;
constexpr double kMaxEdges = 2147483647.0;

void check_rcut(double rcut) {
  if (!(rcut > 0) || !std::isfinite(rcut)) {
    throw InputError("rcut must be positive and finite, got " + std::to_string(rcut));
  }
}

[[noreturn]] void throw_coincident(int64_t frame, int64_t one, int64_t other) {
  throw InputError("frame " + std::to_string(frame) + ": atoms " + std::to_string(one) + " and " +
                   std::to_string(other) + " are at the same position");
}

[[noreturn]] void throw_too_many(int64_t frame, double expected) {
  throw InputError(frame_name(frame) + "about " + std::to_string(int64_t(expected)) +
                   " neighbours per atom; is the cell or the cutoff in the wrong unit?");
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

std::string frame_name(int64_t frame) { return "frame " + std::to_string(frame) + ", "; }

void check_type(int type, int ntypes, int64_t frame, int64_t atom) {
  if (type >= 0 && type < ntypes) return;
  throw InputError(frame_name(frame) + "atom " + std::to_string(atom) + ": expected a type in [0, " +
                   std::to_string(ntypes) + "), got " + std::to_string(type));
}

Search make_search(const FrameBatch& batch, double rcut) {
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
  return search;
}

SearchedRows::SearchedRows(const CpuDevice& device, Search search) : search_(std::move(search)) {
  check_rcut(search_.rcut);
  const int64_t nframes = search_.frames.size();
  lists_.resize(nframes);
  int64_t natoms = 0;
  for (const SearchFrame& frame : search_.frames) {
    natoms += frame.nall;
    first_centre_.push_back(frame.first_centre);
  }
  device.parallel_for(nframes, kNanosecondsPerAtom * natoms / std::max<int64_t>(nframes, 1), [&](auto begin, auto end) {
    for (int64_t f = begin; f < end; ++f) {
      const SearchFrame& frame = search_.frames[f];
      try {
        lists_[f] =
            std::make_unique<CellList>(frame.nall, search_.coord + frame.first_atom * 3,
                                       search_.type + frame.first_atom, frame.cell, frame.periodic, search_.rcut);
      } catch (const InputError& error) {
        throw InputError(frame_name(f) + error.what());
      }
    }
  });
  for (int64_t f = 0; f < nframes; ++f) {
    const double expected = lists_[f]->expected_neighbors();
    if (expected > kMaxNeighbors) throw_too_many(f, expected);
  }
}

void SearchedRows::check_edges() const {
  double edges = 0;
  for (size_t f = 0; f < lists_.size(); ++f) {
    const double expected = lists_[f]->expected_neighbors();
    edges += expected * search_.frames[f].nloc;
    if (edges > kMaxEdges) throw_too_many(int64_t(f), expected);
  }
}

int64_t SearchedRows::append(int64_t centre, int64_t rows, RowScratch& scratch, RowBlock& block) const {
  const int64_t frame =
      std::upper_bound(first_centre_.begin(), first_centre_.end(), centre) - first_centre_.begin() - 1;
  const int own = int(centre - first_centre_[frame]);
  const CellList& list = *lists_[frame];
  const Candidates& found = scratch.found;
  list.find(own, scratch.found);
  const int ranks = int(list.types().size());
  const int64_t offset = search_.frames[frame].offset;
  size_t e = block.append(found.count, rows);
  for (const int k : scratch.order.sort({list.type_rank(), list.index(), ranks, search_.rcut}, found)) {
    const int other = list.neighbor(found, k);
    if (search_.refuse_coincident && found.distance2[k] < kCoincident * kCoincident) {
      throw_coincident(frame, own, other);
    }
    block.neighbor[e] = int32_t(other + offset);
    list.edge(own, found, k, &block.edge_vec[3 * e++]);
  }
  for (int rank = 0; rank < ranks; ++rank) {
    const int type = list.types()[rank];
    if (type < search_.ntypes) scratch.most[type] = std::max(scratch.most[type], scratch.order.count(rank));
  }
  return found.count;
}

ListedRows::ListedRows(const NeighborList& list, double rcut) : list_(list), rcut_(rcut), index_(list.nall) {
  check_rcut(rcut);
  check_list(list);
  for (int64_t i = 0; i < list.nall; ++i) index_[i] = int(i);
}

int64_t ListedRows::append(int64_t centre, int64_t rows, RowScratch& scratch, RowBlock& block) const {
  const Candidates& found = scratch.found;
  find_listed(list_, rcut_ * rcut_, centre, scratch.found);
  const size_t begin = block.append(found.count, rows);
  size_t e = begin;
  for (const int k : scratch.order.sort({list_.type, index_.data(), list_.ntypes, rcut_}, found)) {
    const int other = found.slot[k];
    if (found.distance2[k] < kCoincident * kCoincident) throw_coincident(0, centre, other);
    if (e > begin && block.neighbor[e - 1] == other) {
      throw InputError("list_neighbor: atom " + std::to_string(other) + " is in the list of centre " +
                       std::to_string(centre) + " twice");
    }
    block.neighbor[e] = other;
    for (int a = 0; a < 3; ++a) {
      block.edge_vec[3 * e + a] = list_.coord[3 * int64_t(other) + a] - list_.coord[3 * centre + a];
    }
    ++e;
  }
  for (int t = 0; t < list_.ntypes; ++t) scratch.most[t] = std::max(scratch.most[t], scratch.order.count(t));
  return found.count;
}

}  // namespace deepmd
