#include "deepmd/radial_cells.h"

#include <cmath>
#include <string>

#include "gpu/incoming.h"
#include "gpu/launch.h"
#include "gpu/primitives.h"
#include "gpu/search_record.h"
#include "math/panels.h"

namespace deepmd {
namespace {

using namespace gpu;

// Number of octaves of panels, far more than s needs at any distance between atoms.
constexpr int kOctaves = 40;

/// Inputs of the search for cells and runs.
struct Finder {
  EdgeTypes edges;
  const double* rows;
  Codes codes;
  Panels panels;

  __host__ __device__ int64_t npanels() const { return int64_t(panels.per_octave) * kOctaves; }
  __device__ bool in_cell(int64_t c, int64_t e) const {
    return interacts(edges.type[c], edges.type[edges.neighbor[e]], codes);
  }
  /// Returns the index of the cell among all possible cells; it is arbitrary for a row that is not finite.
  __device__ int64_t key(int64_t c, int64_t e) const {
    const int code = code_of(edges.type[c], edges.type[edges.neighbor[e]], codes);
    const int64_t panel = panel_of(rows[4 * e], panels), last = npanels() - 1;
    return code * npanels() + (panel >= 0 && panel < last ? panel : last);
  }
  /// Returns true if a run starts at the edge, which must be in a cell.
  __device__ bool begins(int64_t c, int64_t e) const {
    if (panels.per_octave == 0 || e == edges.edge_splits[c] || !in_cell(c, e - 1)) return true;
    return key(c, e) != key(c, e - 1);
  }
};

/// One warp per center marks the starts of runs and the cells that occur, and finds the first edge with a row that is
/// not finite.
__global__ void __launch_bounds__(kThreads)
    mark_runs(Finder finder, int64_t* run_begins, int64_t* has_cell, Number* bad_edge) {
  for (int64_t c = warp_index(); c < finder.edges.ncenters; c += warp_count()) {
    for (int64_t e = finder.edges.edge_splits[c] + lane_index(); e < finder.edges.edge_splits[c + 1]; e += kWarp) {
      if (!isfinite(finder.rows[4 * e])) lower(bad_edge, Number(e));
      const bool inside = finder.in_cell(c, e);
      run_begins[e] = inside && finder.begins(c, e);
      if (inside && finder.panels.per_octave > 0) has_cell[finder.key(c, e)] = 1;
    }
  }
}

__global__ void split_runs(EdgeTypes edges, const int64_t* run_of, int64_t* run_splits) {
  for (int64_t c = thread_index(); c <= edges.ncenters; c += thread_count()) {
    run_splits[c] = run_of[c < edges.ncenters ? edges.edge_splits[c] : edges.nedge];
  }
}

/// One warp per center writes the runs. The lane of the last edge of a run writes its end, and that of the first edge
/// writes everything else.
__global__ void __launch_bounds__(kThreads)
    write_runs(Finder finder, const int64_t* run_of, const int64_t* cell_of, CellRoom out) {
  const bool single = finder.panels.per_octave == 0;
  for (int64_t c = warp_index(); c < finder.edges.ncenters; c += warp_count()) {
    const int64_t end = finder.edges.edge_splits[c + 1];
    for (int64_t e = finder.edges.edge_splits[c] + lane_index(); e < end; e += kWarp) {
      if (!finder.in_cell(c, e)) continue;
      const bool begins = run_of[e + 1] > run_of[e];
      const int64_t run = begins ? run_of[e] : run_of[e] - 1;
      if (begins) {
        out.run_edges[2 * run] = e;
        out.run_center[run] = int32_t(c);
        out.run_cell[run] = int32_t(single ? run : cell_of[finder.key(c, e)]);
        if (single) {
          out.code[run] = code_of(finder.edges.type[c], finder.edges.type[finder.edges.neighbor[e]], finder.codes);
          out.start[run] = finder.rows[4 * e] - 1;
          out.width[run] = 2;
        }
      }
      if (e + 1 == end || !finder.in_cell(c, e + 1) || run_of[e + 2] > run_of[e + 1])
        out.run_edges[2 * run + 1] = e + 1;
    }
  }
}

__global__ void write_cells(Finder finder, int64_t nkeys, const int64_t* cell_of, CellRoom out) {
  for (int64_t key = thread_index(); key < nkeys; key += thread_count()) {
    const int64_t cell = cell_of[key];
    if (cell_of[key + 1] == cell) continue;
    const Interval panel = interval_of(int(key % finder.npanels()), finder.panels);
    out.code[cell] = int32_t(key / finder.npanels());
    out.start[cell] = panel.start;
    out.width[cell] = panel.width;
  }
}

__global__ void copy_sorted(int64_t ncell, int64_t nrun, Incoming incoming, CellRoom out) {
  for (int64_t k = thread_index(); k <= ncell; k += thread_count()) out.cell_splits[k] = incoming.splits[k];
  for (int64_t k = thread_index(); k < nrun; k += thread_count()) out.cell_runs[k] = int32_t(incoming.items[k]);
}

/// Returns true if e is the first edge with neighbors of its type in the row of center c.
__device__ bool type_begins(const EdgeTypes& edges, const Codes& codes, int64_t c, int64_t e) {
  const int type = edges.type[edges.neighbor[e]];
  return interacts(edges.type[c], type, codes) &&
         (e == edges.edge_splits[c] || edges.type[edges.neighbor[e - 1]] != type);
}

__global__ void __launch_bounds__(kThreads) mark_types(EdgeTypes edges, Codes codes, int64_t* begins) {
  for (int64_t c = warp_index(); c < edges.ncenters; c += warp_count()) {
    for (int64_t e = edges.edge_splits[c] + lane_index(); e < edges.edge_splits[c + 1]; e += kWarp) {
      begins[e] = type_begins(edges, codes, c, e);
    }
  }
}

__global__ void __launch_bounds__(kThreads)
    write_counts(EdgeTypes edges, Codes codes, const int64_t* place, CountRoom out) {
  for (int64_t c = warp_index(); c < edges.ncenters; c += warp_count()) {
    const int64_t end = edges.edge_splits[c + 1];
    for (int64_t e = edges.edge_splits[c] + lane_index(); e < end; e += kWarp) {
      if (place[e + 1] == place[e]) continue;
      const int type = edges.type[edges.neighbor[e]];
      int64_t last = e + 1;
      while (last < end && edges.type[edges.neighbor[last]] == type) ++last;
      out.center[place[e]] = int32_t(c);
      out.pair[place[e]] = edges.type[c] * codes.ntypes + type;
      out.count[place[e]] = int32_t(last - e);
    }
  }
}

}  // namespace

void radial_cells(const GpuDevice& device, const EdgeTypes& edges, const double* rows, const Codes& codes,
                  const Panels& panels, int64_t* run_splits, const MakeCellRoom& make_room) {
  check_panels(panels, 0);
  const Finder finder{edges, rows, codes, panels};
  const bool single = panels.per_octave == 0;
  const int64_t nedge = edges.nedge, nkeys = single ? 0 : count_codes(codes) * finder.npanels();
  // Both arrays have one more element after the last edge and the last run, which is read.
  int64_t *run_of = device.allocate<int64_t>(nedge + 2), *cell_of = device.allocate<int64_t>(nkeys + 1);
  struct Sizes {
    int64_t nrun, ncell;
    Number bad_edge;
  };
  Sizes* sizes = device.allocate<Sizes>(1);
  const Sizes start{0, 0, kNone};
  const cudaStream_t stream = stream_of(device);
  check(cudaMemcpyAsync(sizes, &start, sizeof start, cudaMemcpyHostToDevice, stream), "cudaMemcpyAsync");
  check(cudaMemsetAsync(run_of, 0, sizeof(int64_t) * size_t(nedge + 2), stream), "cudaMemsetAsync");
  check(cudaMemsetAsync(cell_of, 0, sizeof(int64_t) * size_t(nkeys + 1), stream), "cudaMemsetAsync");
  launch(device, grid_of_warps(edges.ncenters), mark_runs, finder, run_of, cell_of, &sizes->bad_edge);
  exclusive_sums(device, nedge + 1, run_of, run_of);
  exclusive_sums(device, nkeys, cell_of, cell_of);
  launch(device, grid_of_threads(edges.ncenters + 1), split_runs, edges, static_cast<const int64_t*>(run_of),
         run_splits);
  check(cudaMemcpyAsync(&sizes->nrun, run_of + nedge, sizeof(int64_t), cudaMemcpyDeviceToDevice, stream),
        "cudaMemcpyAsync");
  check(cudaMemcpyAsync(&sizes->ncell, cell_of + nkeys, sizeof(int64_t), cudaMemcpyDeviceToDevice, stream),
        "cudaMemcpyAsync");
  const Sizes found = fetch(device, sizes);
  if (found.bad_edge != kNone) {
    throw InputError("edge " + std::to_string(found.bad_edge) + ": its environment row is not finite");
  }
  const int64_t nrun = found.nrun, ncell = single ? nrun : found.ncell;
  const CellRoom out = make_room(ncell, nrun);
  launch(device, grid_of_warps(edges.ncenters), write_runs, finder, static_cast<const int64_t*>(run_of),
         static_cast<const int64_t*>(cell_of), out);
  launch(device, grid_of_threads(nkeys), write_cells, finder, nkeys, static_cast<const int64_t*>(cell_of), out);
  const Incoming sorted = incoming_items(device, ncell, nrun, out.run_cell);
  launch(device, grid_of_threads(std::max(nrun, ncell + 1)), copy_sorted, ncell, nrun, sorted, out);
}

void count_types(const GpuDevice& device, const EdgeTypes& edges, const Codes& codes,
                 const std::function<CountRoom(int64_t n)>& make_room) {
  int64_t* place = device.allocate<int64_t>(edges.nedge + 1);
  launch(device, grid_of_warps(edges.ncenters), mark_types, edges, codes, place);
  exclusive_sums(device, edges.nedge, place, place);
  const CountRoom out = make_room(fetch(device, place + edges.nedge));
  launch(device, grid_of_warps(edges.ncenters), write_counts, edges, codes, static_cast<const int64_t*>(place), out);
}

}  // namespace deepmd
