#pragma once

#include "gpu/descriptor.h"
#include "math/chebyshev.h"
#include "math/edge_row.h"
#include "math/panels.h"

namespace deepmd::gpu {

constexpr int kTileThreads = 128;
/// Number of edges of a center that a block processes together, one per thread.
constexpr int kTileEdges = kTileThreads;
/// Number of runs, consecutive edges in one cell, for which moments or products are stored together.
constexpr int kTileRuns = 32;

/// Edges of a center, in shared memory.
struct EdgeTile {
  double row[kTileEdges][4];
  double u[kTileEdges];       ///< position in the panel, in [-1, 1]
  int32_t cell[kTileEdges];   ///< cell of the edge, or -1
  int run[kTileEdges];        ///< run of the edge
  int begin[kTileEdges + 1];  ///< first edge of each run
  int end[kTileEdges];
  int starts[kTileThreads / kWarp];  ///< number of runs that start in the edges of each warp
};

/// Data of the edge of a thread.
struct OwnEdge {
  EnvironmentFactors<double> factors;
  double vec[3];
  int32_t cell;
  int neighbor_type;
  double u_scale;  ///< du/ds
};

template <typename T>
__device__ __forceinline__ RowScale scale_of(const DescriptorTables<T>& tables, int type) {
  return {tables.avg[type], 1 / tables.std_radial[type], 1 / tables.std_angular[type]};
}

/// Loads edge e of a center into the tile, if e < end. Every thread of the block calls this with its own edge.
template <typename T>
__device__ __forceinline__ OwnEdge load_edge(const DescriptorTables<T>& tables, const RowEdges& edges, int center_type,
                                             int64_t e, int64_t end, EdgeTile& tile, Number* too_near) {
  const int k = int(threadIdx.x);
  OwnEdge own{};
  own.cell = -1;
  own.neighbor_type = -1;
  if (e < end) {
    for (int a = 0; a < 3; ++a) own.vec[a] = edges.vec[3 * e + a];
    const double r = sqrt(own.vec[0] * own.vec[0] + own.vec[1] * own.vec[1] + own.vec[2] * own.vec[2]);
    own.factors = environment_factors(r, tables.cutoff.rcut_smth, tables.cutoff.rcut);
    scaled_row(own.factors, own.vec, scale_of(tables, center_type), tile.row[k]);
    const int type = edges.type[edges.neighbor[e]];
    if (interacts(center_type, type, tables.codes)) {
      own.neighbor_type = type;
      const double s = tile.row[k][0];
      if (s < tables.end) {
        const int64_t last = tables.npanels - 1, panel = min(int64_t(panel_of(s, tables.panels)), last);
        const Interval interval = interval_of(int(panel), tables.panels);
        own.u_scale = 2 / interval.width;
        own.cell = int32_t(code_of(center_type, type, tables.codes) * tables.npanels + panel);
        tile.u[k] = (s - interval.start) * own.u_scale - 1;
      } else if (too_near != nullptr) {
        lower(too_near, Number(e));
      }
    }
  }
  tile.cell[k] = own.cell;
  return own;
}

/// Finds the runs of the tile and returns their number. It starts with a barrier, so callers need none after load_edge.
__device__ __forceinline__ int find_runs(EdgeTile& tile) {
  const int k = int(threadIdx.x), warp = k / kWarp;
  __syncthreads();
  const int cell = tile.cell[k];
  const bool starts = cell >= 0 && (k == 0 || tile.cell[k - 1] != cell);
  const unsigned bits = __ballot_sync(kAllLanes, starts);
  if (lane_index() == 0) tile.starts[warp] = __popc(bits);
  __syncthreads();
  int before = 0, total = 0;
  for (int w = 0; w < kTileThreads / kWarp; ++w) {
    before += w < warp ? tile.starts[w] : 0;
    total += tile.starts[w];
  }
  const int run = before + __popc(bits & (kAllLanes >> (kWarp - 1 - lane_index()))) - 1;
  tile.run[k] = run;
  if (starts) tile.begin[run] = k;
  if (cell >= 0 && (k == kTileEdges - 1 || tile.cell[k + 1] != cell)) tile.end[run] = k + 1;
  __syncthreads();
  return total;
}

}  // namespace deepmd::gpu
