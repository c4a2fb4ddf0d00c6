#pragma once

#include <algorithm>
#include <cstdint>

#include "gpu/launch.h"
#include "math/chebyshev.h"

namespace deepmd::gpu {

/// Number of edges of one center that are processed together, one for each lane of a warp.
constexpr int kEdges = kWarp;

/// Cell of an edge, or -1 for none, and the interval of s that the cell covers.
struct CellOfEdge {
  int64_t cell;
  double start;
  double width;
};

/// Four components of a moment, aligned such that a thread loads them at once.
template <typename T>
struct alignas(16) Four {
  T of[4];
};

/// Shared memory of a block: some edges, their runs (consecutive edges in one cell), and the moments of the runs.
template <typename T>
struct CellChunk {
  double* row;      ///< [kEdges, 4]
  double* value;    ///< [kEdges, terms], T_k(u)
  double* slope;    ///< [kEdges, terms], dT_k/ds; only if requested
  Four<T>* moment;  ///< [kEdges, terms], of every run
  int64_t* edge;    ///< [kEdges]
  int64_t* cell;    ///< [kEdges], of every run
  int* run_of;      ///< [kEdges], run of an edge, or -1
  int* run_begin;   ///< [kEdges], first edge of a run
  int* nrun;        ///< [1]

  static size_t bytes(int terms, bool slopes) {
    return kEdges * (sizeof(double) * (4 + (slopes ? 2 : 1) * terms) + sizeof(T) * 4 * terms + 2 * sizeof(int64_t) +
                     2 * sizeof(int)) +
           sizeof(int64_t);
  }
  __device__ CellChunk(int terms, bool slopes) {
    row = shared_memory<double>();
    value = row + 4 * kEdges;
    slope = value + kEdges * terms;
    edge = reinterpret_cast<int64_t*>(slope + (slopes ? kEdges * terms : 0));
    cell = edge + kEdges;
    moment = reinterpret_cast<Four<T>*>(cell + kEdges);
    run_of = reinterpret_cast<int*>(moment + kEdges * terms);
    run_begin = run_of + kEdges;
    nrun = run_begin + kEdges;
  }
};

/// Puts the edge e of each lane of the first warp into the chunk; `place` is its cell. All lanes of the warp call this,
/// those without an edge with e = -1. Adjacent lanes in the same cell form a run.
template <typename T>
__device__ void put_edge(const CellChunk<T>& chunk, const CellOfEdge& place, const double* rows, int64_t e, int terms,
                         bool slopes) {
  const int lane = lane_index();
  const int64_t before = __shfl_up_sync(kAllLanes, (long long)(place.cell), 1);
  const bool begins = place.cell >= 0 && (lane == 0 || before != place.cell);
  const unsigned heads = __ballot_sync(kAllLanes, begins);
  const int run = __popc(heads & (kAllLanes >> (kWarp - 1 - lane))) - 1;
  chunk.run_of[lane] = place.cell >= 0 ? run : -1;
  chunk.edge[lane] = e;
  if (begins) {
    chunk.run_begin[run] = lane;
    chunk.cell[run] = place.cell;
  }
  if (lane == 0) *chunk.nrun = __popc(heads);
  for (int a = 0; a < 4; ++a) chunk.row[4 * lane + a] = e >= 0 ? rows[4 * e + a] : 0;
  if (place.cell < 0) return;
  const double u = 2 * (rows[4 * e] - place.start) / place.width - 1, by_s = 2 / place.width;
  double *value = chunk.value + lane * terms, *slope = chunk.slope + lane * terms;
  if (slopes) {
    chebyshev_derivative(u, terms, [&](int k, double v, double d) {
      value[k] = v;
      slope[k] = by_s * d;
    });
  } else {
    chebyshev(u, terms, [&](int k, double v) { value[k] = v; });
  }
}

/// Computes the moments of all runs of the chunk, S[a, k] = sum_j R_j[a] T_k(u_j). If `v` [nedge, 4] is not null, it
/// computes their directional derivative along v, a change of the rows. All threads of the block call this.
template <typename T>
__device__ void sum_moments(const CellChunk<T>& chunk, const double* v, int terms) {
  const int nrun = *chunk.nrun;
  for (int q = int(threadIdx.x); q < nrun * 4 * terms; q += int(blockDim.x)) {
    const int run = q / (4 * terms), k = q / 4 % terms, a = q % 4;
    double sum = 0;
    for (int j = chunk.run_begin[run]; j < kEdges && chunk.run_of[j] == run; ++j) {
      if (v == nullptr) {
        sum += chunk.row[4 * j + a] * chunk.value[j * terms + k];
      } else {
        const double* change = v + 4 * chunk.edge[j];
        sum += change[a] * chunk.value[j * terms + k] + chunk.row[4 * j + a] * chunk.slope[j * terms + k] * change[0];
      }
    }
    chunk.moment[q / 4].of[a] = T(sum);
  }
  __syncthreads();
}

/// Returns the number of threads of a block: one per column, up to kThreads.
inline int threads_for(int64_t columns) {
  return int(std::min<int64_t>(round_up(std::max<int64_t>(columns, 1), kWarp), kThreads));
}

}  // namespace deepmd::gpu
