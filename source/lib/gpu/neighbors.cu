#include "deepmd/neighbors.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "checks/search.h"
#include "gpu/atom_bins.h"
#include "gpu/candidates.h"
#include "gpu/primitives.h"
#include "gpu/row_buffer.h"
#include "gpu/search_record.h"

namespace deepmd {
namespace {

using namespace gpu;

/// Returns the row of a stored atom, or -1 if it is not a center.
__device__ int64_t row_of(const SearchFrame& frame, int index) {
  return index < frame.nloc ? frame.first_center + index : -1;
}

/// One warp per atom computes the length of its row: lengths [rows].
__global__ void __launch_bounds__(kRowThreads)
    count_rows(AtomBins atoms, double rcut, int ntypes, char* memory, int64_t bytes, int64_t* lengths, Number* record) {
  char* own = own_memory(memory, bytes);
  Runs& runs = *reinterpret_cast<Runs*>(own);
  int* share = reinterpret_cast<int*>(own + sizeof(Runs));
  for (int64_t s = warp_index(); s < atoms.natoms; s += warp_count()) {
    const int f = frame_of_atom(atoms.nframes, atoms.frames, s);
    const int64_t row = row_of(atoms.frames[f], atoms.index[s]);
    if (row < 0) continue;
    clear(share, ntypes);
    int64_t count = 0;
    bool coincident = false;
    visit_candidates(atoms, uint32_t(s), f, runs, [&](bool valid, uint32_t stored, const double vec[3]) {
      const double distance2 = vec[0] * vec[0] + vec[1] * vec[1] + vec[2] * vec[2];
      const bool hit = valid && distance2 < rcut * rcut;
      coincident = coincident || (hit && distance2 < kCoincident * kCoincident);
      count += __popc(__ballot_sync(kAllLanes, hit));
      count_types(hit, hit ? atoms.type[stored] : 0, share);
    });
    if (coincident) lower(&record[kCoincidentRow], Number(row));
    __syncwarp();
    if (lane_index() == 0) lengths[row] = count;
    note_row(count, ntypes, share, record);
  }
}

/// Finds the rows again, sorts and writes them. If `only` >= 0, only that row is written.
__global__ void __launch_bounds__(kRowThreads, 5)
    write_rows(AtomBins atoms, double rcut, int ntypes, int capacity, char* memory, int64_t bytes,
               const int64_t* edge_splits, int64_t only, EdgeRoom room) {
  char* own = own_memory(memory, bytes);
  Runs& runs = *reinterpret_cast<Runs*>(own);
  const RowBuffer row(own + sizeof(Runs), ntypes, capacity);
  for (int64_t s = warp_index(); s < atoms.natoms; s += warp_count()) {
    const int f = frame_of_atom(atoms.nframes, atoms.frames, s);
    const SearchFrame& frame = atoms.frames[f];
    const int64_t c = row_of(frame, atoms.index[s]);
    if (c < 0 || (only >= 0 && c != only)) continue;
    clear(row.share, ntypes);
    RowFill fill;
    visit_candidates(atoms, uint32_t(s), f, runs, [&](bool valid, uint32_t stored, const double vec[3]) {
      const bool hit = valid && vec[0] * vec[0] + vec[1] * vec[1] + vec[2] * vec[2] < rcut * rcut;
      fill.add(row, hit, hit ? atoms.type[stored] : 0, hit ? atoms.index[stored] : 0, vec);
    });
    __syncwarp();
    sort_row(row, fill.count, rcut);
    write_row(row, fill.count, only >= 0 ? 0 : edge_splits[c], frame.offset, room.neighbor, room.edge_vec);
  }
}

/// Neighbor search: add all frames, count the edges, then write them.
class Searching {
 public:
  Searching(const GpuDevice& device, double rcut, int64_t natoms, const double* coord, const int* type, int ntypes)
      : device_(device), input_{{}, natoms, coord, type, rcut, ntypes}, record_(new_record(device, ntypes)) {
    check_rcut(rcut);
  }

  /// Adds the next frame. The first invalid cell is stored, and reported together with errors of the atoms.
  void add_frame(int nall, int nloc, const double* vectors, const std::array<bool, 3>& periodic, int64_t offset) {
    SearchFrame frame{};
    const int64_t f = int64_t(input_.frames.size());
    std::copy(periodic.begin(), periodic.end(), frame.periodic);
    frame.first_atom = next_atom_;
    frame.first_center = rows_;
    frame.offset = offset;
    frame.nall = nall;
    frame.nloc = nloc;
    next_atom_ += nall;
    rows_ += nloc;
    try {
      frame.cell = usable_cell(vectors, frame.periodic, input_.rcut);
    } catch (const InputError& error) {
      const bool open[3] = {false, false, false};
      std::copy(open, open + 3, frame.periodic);
      frame.cell = usable_cell(nullptr, open, input_.rcut);
      if (!bad_cell_) bad_cell_ = {f, error.what()};
    }
    if (frame.periodic[0] && frame.periodic[1] && frame.periodic[2]) {
      expected_.push_back(expected_neighbors(frame.cell, nall, input_.rcut));
    } else {
      expected_.push_back(0);
    }
    input_.frames.push_back(frame);
  }

  /// Writes edge_splits [rows + 1]; returns the number of edges.
  int64_t count(bool refuse_coincident, int64_t* edge_splits, std::vector<int>& max_neighbors) {
    atoms_ = sort_into_bins(device_, input_, record_);
    const std::optional<std::pair<int64_t, double>> too_many = find_too_many();
    if (bad_cell_ || too_many) {  // counting could take too long
      throw_faults(read_record(device_, record_, input_.ntypes, 0, nullptr));
      throw_too_many(too_many->first, too_many->second);
    }
    const WarpMemory memory =
        memory_of_warps(device_, atoms_.natoms, round_up(sizeof(Runs) + 4 * int64_t(input_.ntypes + 1), 16));
    launch(device_, memory.grid, count_rows, atoms_, input_.rcut, input_.ntypes, memory.global, memory.bytes,
           edge_splits, record_);
    exclusive_sums(device_, rows_, edge_splits, edge_splits);
    const std::vector<Number> record = read_record(device_, record_, input_.ntypes, rows_, edge_splits);
    throw_faults(record);
    longest_ = int64_t(record[kLongestRow]);
    if (longest_ > kLongestRowAllowed) throw_too_many(0, double(longest_));
    if (refuse_coincident && record[kCoincidentRow] != kNone) name_coincident(int64_t(record[kCoincidentRow]));
    max_neighbors.assign(record.begin() + kMax, record.end());
    return int64_t(record[kEdges]);
  }

  void write(const int64_t* edge_splits, const EdgeRoom& room) { write(edge_splits, -1, room); }

 private:
  std::optional<std::pair<int64_t, double>> find_too_many() const {
    for (size_t f = 0; f < expected_.size(); ++f) {
      if (expected_[f] > kMaxNeighbors) return {{int64_t(f), expected_[f]}};
    }
    double edges = 0;
    for (size_t f = 0; f < expected_.size(); ++f) {
      edges += expected_[f] * input_.frames[f].nloc;
      if (edges > kMaxEdges) return {{int64_t(f), expected_[f]}};
    }
    return {};
  }

  int64_t frame_of(int64_t atom) const {
    int64_t f = int64_t(input_.frames.size()) - 1;
    while (f > 0 && input_.frames[f].first_atom > atom) --f;
    return f;
  }

  /// Throws the error that the search on the CPU reports first.
  void throw_faults(const std::vector<Number>& record) const {
    if (record[kBadType] != kNone) {
      const int64_t atom = int64_t(record[kBadType]), f = frame_of(atom);
      check_type(fetch(device_, input_.type + atom), input_.ntypes, f, atom - input_.frames[f].first_atom);
    }
    const int64_t none = int64_t(input_.frames.size());
    const bool bad_coordinate = record[kBadCoordinate] != kNone, too_far = record[kTooFar] != kNone;
    const int64_t of_coordinate = bad_coordinate ? frame_of(int64_t(record[kBadCoordinate] / 3)) : none;
    const int64_t of_cell = bad_cell_ ? bad_cell_->first : none;
    const int64_t of_far = too_far ? frame_of(int64_t(record[kTooFar])) : none;
    const int64_t f = std::min({of_coordinate, of_cell, of_far});
    if (f == none) return;
    try {
      const SearchFrame& frame = input_.frames[f];
      if (of_coordinate == f) {
        const int64_t k = int64_t(record[kBadCoordinate]);
        throw_coordinate(k / 3 - frame.first_atom, int(k % 3), fetch(device_, input_.coord + k));
      }
      if (of_cell == f) throw InputError(bad_cell_->second);
      const int64_t atom = int64_t(record[kTooFar]);
      std::vector<double> position = read_back(device_, input_.coord + 3 * atom, 3);
      double frac[3];
      int axis = 0;
      wrap_position(frame.cell, frame.periodic, position.data(), frac, axis);
      throw_too_far(atom - frame.first_atom, axis, frac[axis]);
    } catch (const InputError& error) {
      throw InputError(frame_name(f) + error.what());
    }
  }

  /// Writes a row, and throws InputError for the first neighbor that coincides with the center.
  void name_coincident(int64_t row) {
    int32_t* neighbor = device_.allocate<int32_t>(longest_);
    double* edge_vec = device_.allocate<double>(3 * longest_);
    write(nullptr, row, {neighbor, edge_vec});
    const std::vector<int32_t> others = read_back(device_, static_cast<const int32_t*>(neighbor), longest_);
    const std::vector<double> vec = read_back(device_, static_cast<const double*>(edge_vec), 3 * longest_);
    const auto frame = std::find_if(input_.frames.begin(), input_.frames.end(),
                                    [row](const SearchFrame& f) { return row < f.first_center + f.nloc; });
    int64_t e = 0;
    while (dot(&vec[3 * e], &vec[3 * e]) >= kCoincident * kCoincident) ++e;
    throw_coincident(frame - input_.frames.begin(), row - frame->first_center, others[e] - frame->offset);
  }

  void write(const int64_t* edge_splits, int64_t only, const EdgeRoom& room) {
    const int capacity = int(round_up(longest_, kWarp));
    const WarpMemory memory =
        memory_of_warps(device_, atoms_.natoms, int64_t(sizeof(Runs)) + RowBuffer::bytes(input_.ntypes, capacity));
    launch(device_, memory.grid, write_rows, atoms_, input_.rcut, input_.ntypes, capacity, memory.global, memory.bytes,
           edge_splits, only, room);
  }

  const GpuDevice& device_;
  SearchInput input_;
  Number* record_;
  std::vector<double> expected_;  // expected number of neighbors per atom of each frame, or 0
  std::optional<std::pair<int64_t, std::string>> bad_cell_;
  AtomBins atoms_{};
  int64_t next_atom_ = 0, rows_ = 0, longest_ = 0;
};

/// Searches in frames with equal numbers of atoms.
DeviceNeighbors run(const GpuDevice& device, const Atoms& atoms, const Cells* cells, double rcut, int ntypes,
                    std::vector<int>& max_neighbors) {
  check_counts(atoms.nloc, atoms.nall);
  Searching search(device, rcut, int64_t(atoms.nframes) * atoms.nall, atoms.coord, atoms.type, ntypes);
  for (int64_t f = 0; f < atoms.nframes; ++f) {
    search.add_frame(atoms.nall, atoms.nloc, cells ? cells->vectors + 9 * f : nullptr,
                     cells ? cells->periodic : std::array<bool, 3>{}, 0);
  }
  int64_t* edge_splits = device.allocate<int64_t>(int64_t(atoms.nframes) * atoms.nloc + 1);
  const int64_t nedge = search.count(false, edge_splits, max_neighbors);
  const EdgeRoom room{device.allocate<int32_t>(nedge), device.allocate<double>(3 * nedge)};
  search.write(edge_splits, room);
  return {edge_splits, room.neighbor, room.edge_vec, nedge};
}

}  // namespace

DeviceNeighbors periodic_neighbors(const GpuDevice& device, const Atoms& atoms, const Cells& cells, double rcut,
                                   int ntypes, std::vector<int>& max_neighbors) {
  check_no_ghosts(atoms.nloc, atoms.nall);
  return run(device, atoms, &cells, rcut, ntypes, max_neighbors);
}

DeviceNeighbors open_neighbors(const GpuDevice& device, const Atoms& atoms, double rcut, int ntypes,
                               std::vector<int>& max_neighbors) {
  return run(device, atoms, nullptr, rcut, ntypes, max_neighbors);
}

std::vector<int> batch_neighbors(const GpuDevice& device, const FrameBatch& batch, double rcut, int64_t* edge_splits,
                                 const MakeRoom& make_room) {
  Searching search(device, rcut, batch.frame_splits[batch.nframes], batch.coord, batch.type, batch.ntypes);
  for (int f = 0; f < batch.nframes; ++f) {
    const int first = batch.frame_splits[f], count = batch.frame_splits[f + 1] - first;
    const bool periodic = batch.periodic[f];
    search.add_frame(count, count, periodic ? batch.cells + 9 * int64_t(f) : nullptr, {periodic, periodic, periodic},
                     first);
  }
  std::vector<int> max_neighbors;
  const int64_t nedge = search.count(true, edge_splits, max_neighbors);
  search.write(edge_splits, make_room(nedge));
  return max_neighbors;
}

}  // namespace deepmd
