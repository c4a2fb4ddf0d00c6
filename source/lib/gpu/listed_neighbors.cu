#include <algorithm>

#include "checks/search.h"
#include "deepmd/checks.h"
#include "deepmd/neighbors.h"
#include "gpu/primitives.h"
#include "gpu/row_buffer.h"
#include "gpu/search_record.h"
#include "math/cell_bins.h"

namespace deepmd {
namespace {

using namespace gpu;

__global__ void __launch_bounds__(kThreads) check_atoms(NeighborList list, Number* record) {
  for (int64_t i = thread_index(); i < list.nall; i += thread_count()) {
    for (int k = 2; k >= 0; --k) {
      if (!usable_coordinate(list.coord[3 * i + k])) lower(&record[kBadCoordinate], Number(3 * i + k));
    }
    if (list.type[i] < 0 || list.type[i] >= list.ntypes) lower(&record[kBadType], Number(i));
    if (i < list.nloc && list.list_splits[i] > list.list_splits[i + 1]) lower(&record[kBadSplits], 0);
  }
  if (thread_index() == 0 && (list.list_splits[0] != 0 || list.list_splits[list.nloc] != list.list_length)) {
    lower(&record[kBadSplits], 0);
  }
}

/// Visits every entry of the list of a center. All lanes call visit(bool hit, int64_t other, const double vec[3])
/// together. Entries that are not another atom are skipped; returns true if this lane found such an entry.
template <typename Visit>
__device__ __forceinline__ bool visit_list(const NeighborList& list, double rcut, int64_t center, const Visit& visit) {
  const int64_t begin = max(list.list_splits[center], int64_t(0));
  const int64_t end = min(list.list_splits[center + 1], list.list_length);
  const double own[3] = {list.coord[3 * center], list.coord[3 * center + 1], list.coord[3 * center + 2]};
  bool wrong = false;
  for (int64_t first = begin; first < end; first += kWarp) {
    const int64_t k = first + lane_index();
    int64_t other = k < end ? int64_t(list.neighbor[k]) : center;
    const bool known = other >= 0 && other < list.nall && other != center;
    wrong = wrong || (k < end && !known);
    if (!known) other = center;
    double vec[3];
    for (int a = 0; a < 3; ++a) vec[a] = list.coord[3 * other + a] - own[a];
    const bool hit = known && vec[0] * vec[0] + vec[1] * vec[1] + vec[2] * vec[2] < rcut * rcut;
    visit(hit, other, vec);
  }
  return wrong;
}

/// Returns the type of an atom, or 0 for a type out of range, which is reported later.
__device__ __forceinline__ int counted_type(const NeighborList& list, int64_t atom) {
  const int type = list.type[atom];
  return type >= 0 && type < list.ntypes ? type : 0;
}

/// One warp per center computes the length of its row: lengths [nloc].
__global__ void __launch_bounds__(kRowThreads)
    count_rows(NeighborList list, double rcut, char* memory, int64_t bytes, int64_t* lengths, Number* record) {
  int* share = reinterpret_cast<int*>(own_memory(memory, bytes));
  for (int64_t c = warp_index(); c < list.nloc; c += warp_count()) {
    clear(share, list.ntypes);
    int64_t count = 0;
    bool coincident = false;
    const bool wrong = visit_list(list, rcut, c, [&](bool hit, int64_t other, const double vec[3]) {
      const double distance2 = vec[0] * vec[0] + vec[1] * vec[1] + vec[2] * vec[2];
      coincident = coincident || (hit && distance2 < kCoincident * kCoincident);
      count += __popc(__ballot_sync(kAllLanes, hit));
      count_types(hit, counted_type(list, other), share);
    });
    if (wrong) lower(&record[kBadListed], Number(c));
    if (coincident) lower(&record[kCoincidentRow], Number(c));
    __syncwarp();
    if (lane_index() == 0) lengths[c] = count;
    note_row(count, list.ntypes, share, record);
  }
}

/// Finds the rows again, sorts and writes them, and records rows that contain an atom twice. If `only` >= 0, only that
/// row is written.
__global__ void __launch_bounds__(kRowThreads, 5)
    write_rows(NeighborList list, double rcut, int capacity, char* memory, int64_t bytes, const int64_t* edge_splits,
               int64_t only, EdgeRoom room, Number* record) {
  const RowBuffer row(own_memory(memory, bytes), list.ntypes, capacity);
  for (int64_t c = warp_index(); c < list.nloc; c += warp_count()) {
    if (only >= 0 && c != only) continue;
    clear(row.share, list.ntypes);
    RowFill fill;
    visit_list(list, rcut, c, [&](bool hit, int64_t other, const double vec[3]) {
      fill.add(row, hit, counted_type(list, other), int(other), vec);
    });
    __syncwarp();
    sort_row(row, fill.count, rcut);
    for (int e = lane_index() + 1; e < fill.count; e += kWarp) {
      if (row.index[row.order[e]] == row.index[row.order[e - 1]]) lower(&record[kListedTwice], Number(c));
    }
    write_row(row, fill.count, only >= 0 ? 0 : edge_splits[c], 0, room.neighbor, room.edge_vec);
  }
}

/// Search for the neighbors in a list.
class Listed {
 public:
  Listed(const GpuDevice& device, const NeighborList& list, double rcut)
      : device_(device), list_(list), rcut_(rcut), record_(new_record(device, list.ntypes)) {
    check_rcut(rcut);
    check_counts(list.nloc, list.nall);
  }

  int64_t count(int64_t* edge_splits, std::vector<int>& max_neighbors) {
    launch(device_, grid_of_threads(std::max<int64_t>(list_.nall, 1)), check_atoms, list_, record_);
    const WarpMemory memory = memory_of_warps(device_, list_.nloc, round_up(4 * int64_t(list_.ntypes + 1), 16));
    launch(device_, memory.grid, count_rows, list_, rcut_, memory.global, memory.bytes, edge_splits, record_);
    exclusive_sums(device_, list_.nloc, edge_splits, edge_splits);
    const std::vector<Number> record = read_record(device_, record_, list_.ntypes, list_.nloc, edge_splits);
    throw_faults(record);
    longest_ = int64_t(record[kLongestRow]);
    if (longest_ > kLongestRowAllowed) throw_too_many(0, double(longest_));
    const int64_t listed = int64_t(std::min(record[kBadListed], Number(list_.nloc)));
    if (record[kCoincidentRow] < Number(listed)) throw_fault_of_row(int64_t(record[kCoincidentRow]));
    if (listed < list_.nloc) throw_bad_listed(listed);
    max_neighbors.assign(record.begin() + kMax, record.end());
    return int64_t(record[kEdges]);
  }

  void write(const int64_t* edge_splits, const EdgeRoom& room) {
    write(edge_splits, -1, room);
    const Number row = read_record(device_, record_, list_.ntypes, 0, nullptr)[kListedTwice];
    if (row != kNone) throw_fault_of_row(int64_t(row));
  }

 private:
  void throw_faults(const std::vector<Number>& record) const {
    if (record[kBadCoordinate] != kNone) {
      const int64_t k = int64_t(record[kBadCoordinate]);
      throw_coordinate(k / 3, int(k % 3), fetch(device_, list_.coord + k));
    }
    if (record[kBadType] != kNone) {
      const int64_t atom = int64_t(record[kBadType]);
      check_type(fetch(device_, list_.type + atom), list_.ntypes, 0, atom);
    }
    if (record[kBadSplits] != kNone) throw_splits("list_splits", kListed, list_.list_length);
  }

  void throw_bad_listed(int64_t center) const {
    const std::vector<int64_t> splits = read_back(device_, list_.list_splits + center, 2);
    for (const int32_t other : read_back(device_, list_.neighbor + splits[0], splits[1] - splits[0])) {
      if (other < 0 || other >= list_.nall || other == center) throw_listed(list_.nall, other, center);
    }
  }

  /// Writes one row, and throws InputError for the first neighbor that coincides with the center or is listed twice.
  void throw_fault_of_row(int64_t center) {
    int32_t* neighbor = device_.allocate<int32_t>(longest_);
    double* edge_vec = device_.allocate<double>(3 * longest_);
    write(nullptr, center, {neighbor, edge_vec});
    const std::vector<int32_t> others = read_back(device_, static_cast<const int32_t*>(neighbor), longest_);
    const std::vector<double> vec = read_back(device_, static_cast<const double*>(edge_vec), 3 * longest_);
    for (int64_t e = 0; e < longest_; ++e) {
      if (dot(&vec[3 * e], &vec[3 * e]) < kCoincident * kCoincident) throw_coincident(0, center, others[e]);
      if (e > 0 && others[e] == others[e - 1]) throw_listed_twice(others[e], center);
    }
  }

  void write(const int64_t* edge_splits, int64_t only, const EdgeRoom& room) {
    const int capacity = int(round_up(longest_, kWarp));
    const WarpMemory memory = memory_of_warps(device_, list_.nloc, RowBuffer::bytes(list_.ntypes, capacity) + 16);
    launch(device_, memory.grid, write_rows, list_, rcut_, capacity, memory.global, memory.bytes, edge_splits, only,
           room, record_);
  }

  const GpuDevice& device_;
  NeighborList list_;
  double rcut_;
  Number* record_;
  int64_t longest_ = 0;
};

}  // namespace

std::vector<int> listed_neighbors(const GpuDevice& device, const NeighborList& list, double rcut, int64_t* edge_splits,
                                  const MakeRoom& make_room) {
  Listed search(device, list, rcut);
  std::vector<int> max_neighbors;
  const int64_t nedge = search.count(edge_splits, max_neighbors);
  search.write(edge_splits, make_room(nedge));
  return max_neighbors;
}

}  // namespace deepmd
