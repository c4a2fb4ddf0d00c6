#include "cpu/row_source.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "deepmd/checks.h"
#include "deepmd/error.h"

namespace deepmd {
namespace {

constexpr int64_t kNanosecondsPerAtom = 60;

void check_list(const NeighborList& list) {
  check_counts(list.nloc, list.nall);
  check_coordinates(list.nall, list.coord);
  for (int64_t i = 0; i < list.nall; ++i) check_type(list.type[i], list.ntypes, 0, i);
  check_splits("list_splits", kListed, list.nloc, list.list_splits, list.list_length);
}

/// What of a center's list is within the cutoff.
void find_listed(const NeighborList& list, double rcut2, int64_t center, Candidates& found) {
  const int64_t begin = list.list_splits[center], end = list.list_splits[center + 1];
  const double* own = list.coord + 3 * center;
  found.count = 0;
  found.reserve(size_t(end - begin));
  for (int64_t k = begin; k < end; ++k) {
    const int64_t other = list.neighbor[k];
    if (other < 0 || other >= list.nall || other == center) throw_listed(list.nall, other, center);
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
    first_center_.push_back(frame.first_center);
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

int64_t SearchedRows::append(int64_t center, int64_t rows, RowScratch& scratch, RowBlock& block) const {
  const int64_t frame =
      std::upper_bound(first_center_.begin(), first_center_.end(), center) - first_center_.begin() - 1;
  const int own = int(center - first_center_[frame]);
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
    if (type < search_.ntypes)
      scratch.max_neighbors[type] = std::max(scratch.max_neighbors[type], scratch.order.count(rank));
  }
  return found.count;
}

ListedRows::ListedRows(const NeighborList& list, double rcut) : list_(list), rcut_(rcut), index_(list.nall) {
  check_rcut(rcut);
  check_list(list);
  for (int64_t i = 0; i < list.nall; ++i) index_[i] = int(i);
}

int64_t ListedRows::append(int64_t center, int64_t rows, RowScratch& scratch, RowBlock& block) const {
  const Candidates& found = scratch.found;
  find_listed(list_, rcut_ * rcut_, center, scratch.found);
  const size_t begin = block.append(found.count, rows);
  size_t e = begin;
  for (const int k : scratch.order.sort({list_.type, index_.data(), list_.ntypes, rcut_}, found)) {
    const int other = found.slot[k];
    if (found.distance2[k] < kCoincident * kCoincident) throw_coincident(0, center, other);
    if (e > begin && block.neighbor[e - 1] == other) throw_listed_twice(other, center);
    block.neighbor[e] = other;
    for (int a = 0; a < 3; ++a) {
      block.edge_vec[3 * e + a] = list_.coord[3 * int64_t(other) + a] - list_.coord[3 * center + a];
    }
    ++e;
  }
  for (int t = 0; t < list_.ntypes; ++t)
    scratch.max_neighbors[t] = std::max(scratch.max_neighbors[t], scratch.order.count(t));
  return found.count;
}

}  // namespace deepmd
