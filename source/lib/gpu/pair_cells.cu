#include <cmath>
#include <limits>
#include <string>

#include "checks/panels.h"
#include "deepmd/pair_moments.h"
#include "gpu/fetch.h"
#include "gpu/launch.h"
#include "gpu/pair_angles.h"
#include "gpu/primitives.h"

namespace deepmd {
namespace gpu {
namespace {

__global__ void look_up_types(EdgeTypes edges, int ntypes, int32_t* type) {
  for (int64_t e = thread_index(); e < edges.nedge; e += thread_count()) {
    const int32_t found = edges.neighbor[e] < 0 ? -1 : edges.type[edges.neighbor[e]];
    type[e] = found >= 0 && found < ntypes ? found : -1;
  }
}

}  // namespace

PairRows make_pair_rows(const GpuDevice& device, const EdgeTypes& edges, const double* rows, int ntypes,
                        const PairPanels& panels) {
  int32_t* type = device.allocate<int32_t>(edges.nedge);
  launch(device, grid_of_threads(edges.nedge), look_up_types, edges, ntypes, type);
  return {edges, rows, type, ntypes, 1 / panels.unit, bits_of(uint64_t(panels.per_octave)) - 1};
}

}  // namespace gpu

namespace {

using namespace gpu;

// Maximum number of possible panels; more would need more than a gibibyte.
constexpr int64_t kMaxPanels = int64_t(1) << 27;
constexpr unsigned kMeasuringBlocks = 1024;

/// Extent of all rows.
struct Extent {
  unsigned long long longest;  // bits of the largest square; bits of nonnegative numbers sort like the numbers
  long long bad_edge;          // first edge with a row that is not finite
};

__global__ void __launch_bounds__(kThreads) measure_rows(int64_t nedge, const double* rows, Extent* extent) {
  double longest = 0;
  for (int64_t e = thread_index(); e < nedge; e += thread_count()) {
    const double square = angular_product(rows + 4 * e, rows + 4 * e);
    if (!(square <= kLargestTheta)) atomicMin(&extent->bad_edge, (long long)(e));
    longest = square > longest ? square : longest;
  }
  for (int step = kWarp / 2; step > 0; step /= 2) {
    const double other = __shfl_xor_sync(kAllLanes, longest, step);
    longest = other > longest ? other : longest;
  }
  if (lane_index() > 0) return;
  unsigned long long bits;
  memcpy(&bits, &longest, sizeof bits);
  atomicMax(&extent->longest, bits);
}

/// One block per center; a warp marks the cells of the pairs of an edge with itself and the edges after it.
__global__ void __launch_bounds__(kThreads) mark_cells(PairRows of, int64_t npanels, int64_t* has_cell) {
  for (int64_t c = blockIdx.x; c < of.edges.ncenters; c += gridDim.x) {
    const int64_t end = of.edges.edge_splits[c + 1];
    for (int64_t j = of.edges.edge_splits[c] + threadIdx.x / kWarp; j < end; j += blockDim.x / kWarp) {
      for (int64_t k = j + lane_index(); k < end; k += kWarp) {
        const PairAngle at = pair_angle(of, j, k);
        if (at.code < 0 || at.panel >= npanels) continue;
        int64_t* mark = has_cell + (at.code * npanels + at.panel);
        if (*mark == 0) *mark = 1;
      }
    }
  }
}

__global__ void write_cells(int64_t nkeys, int64_t npanels, PairPanels panels, const int64_t* cell_of,
                            PairCellRoom out) {
  for (int64_t key = thread_index(); key < nkeys; key += thread_count()) {
    const int64_t cell = cell_of[key];
    if (cell_of[key + 1] == cell) continue;
    const Interval at = interval_of_angles(int(key % npanels), panels);
    out.code[cell] = int32_t(key / npanels);
    out.panel[cell] = int32_t(key % npanels);
    out.start[cell] = at.start;
    out.width[cell] = at.width;
  }
}

/// Returns the maximum number of panels of a code. Throws InputError if a row is not finite.
int64_t count_panels(const GpuDevice& device, int64_t nedge, const double* rows, const PairPanels& panels) {
  Extent* extent = device.allocate<Extent>(1);
  const Extent start{0, std::numeric_limits<long long>::max()};
  check(cudaMemcpyAsync(extent, &start, sizeof start, cudaMemcpyHostToDevice, stream_of(device)), "cudaMemcpyAsync");
  Grid grid = grid_of_threads(nedge);
  grid.blocks = std::min(grid.blocks, kMeasuringBlocks);
  launch(device, grid, measure_rows, nedge, rows, extent);
  const Extent found = fetch(device, extent);
  if (found.bad_edge != start.bad_edge) {
    throw InputError("edge " + std::to_string(found.bad_edge) + ": its environment row is not finite");
  }
  double longest;
  std::memcpy(&longest, &found.longest, sizeof longest);
  return count_pair_panels(longest, panels);
}

}  // namespace

void pair_cells(const GpuDevice& device, const EdgeTypes& edges, const double* rows, int ntypes,
                const PairPanels& panels, const MakePairCellRoom& make_room) {
  check_pair_panels(panels);
  const int64_t npanels = count_panels(device, edges.nedge, rows, panels), ncodes = int64_t(ntypes) * ntypes;
  if (npanels > kMaxPanels / std::max<int64_t>(ncodes, 1)) {
    throw InputError("pairs: " + std::to_string(npanels) + " panels of " + std::to_string(ncodes) +
                     " pairs of types are more than a GPU sorts; expected larger or fewer panels, or shorter rows");
  }
  const int64_t nkeys = ncodes * npanels;
  int64_t* cell_of = device.allocate<int64_t>(nkeys + 1);
  check(cudaMemsetAsync(cell_of, 0, sizeof(int64_t) * size_t(nkeys + 1), stream_of(device)), "cudaMemsetAsync");
  const PairRows of = make_pair_rows(device, edges, rows, ntypes, panels);
  launch(device, grid_of_blocks(edges.ncenters, kThreads), mark_cells, of, npanels, cell_of);
  exclusive_sums(device, nkeys, cell_of, cell_of);
  const PairCellRoom out = make_room(fetch(device, cell_of + nkeys));
  launch(device, grid_of_threads(nkeys), write_cells, nkeys, npanels, panels, static_cast<const int64_t*>(cell_of),
         out);
}

}  // namespace deepmd
