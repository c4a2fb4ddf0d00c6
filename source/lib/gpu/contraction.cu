#include "deepmd/contraction.h"

#include <algorithm>

#include "gpu/cell_moments.h"
#include "gpu/launch.h"
#include "gpu/parts.h"

namespace deepmd {
namespace {

using namespace gpu;

// Approximate number of blocks that sum the derivative with respect to the table, for any number of cells.
constexpr int64_t kTableBlocks = 2048;
constexpr int64_t kMaxParts = 64;

/// Looks up the cells of edges in the runs of their center.
struct CellsOfRuns {
  Contraction shape;

  struct OfCenter {
    const Contraction& shape;
    int64_t begin, end;  ///< runs

    /// Returns the cell of edge e. Only the last run that starts at or before e can contain it.
    __device__ CellOfEdge operator()(int64_t e) const {
      int64_t low = begin, high = end;
      while (high - low > 1) {
        const int64_t middle = (low + high) / 2;
        (shape.run_edges[2 * middle] <= e ? low : high) = middle;
      }
      if (e >= shape.run_edges[2 * low + 1]) return {-1, 0, 1};
      const int32_t cell = shape.run_cell[low];
      return {cell, shape.start[cell], shape.width[cell]};
    }
  };

  __device__ int64_t first(int64_t c) const {
    const int64_t begin = shape.run_splits[c];
    return begin < shape.run_splits[c + 1] ? shape.run_edges[2 * begin] : 0;
  }
  __device__ int64_t last(int64_t c) const {
    const int64_t end = shape.run_splits[c + 1];
    return shape.run_splits[c] < end ? shape.run_edges[2 * end - 1] : 0;
  }
  __device__ OfCenter of(int64_t c) const { return {shape, shape.run_splits[c], shape.run_splits[c + 1]}; }
};

/// Loads the edges [first, last), at most kEdges, in the first warp. `cell_of(e)` returns the cell of edge e. All
/// threads of the block call this.
template <typename T>
__device__ void load_edges(const CellChunk<T>& chunk, const CellsOfRuns::OfCenter& cell_of, const double* rows,
                           int64_t first, int64_t last, int terms, bool slopes) {
  if (threadIdx.x < kWarp) {
    const int64_t e = first + lane_index() < last ? first + lane_index() : -1;
    put_edge(chunk, e >= 0 ? cell_of(e) : CellOfEdge{-1, 0, 1}, rows, e, terms, slopes);
  }
  __syncthreads();
}

/// One block per center computes t [ncenters, 4, columns], the sum over its runs of the moments times
/// table [ncell, terms, columns].
template <typename T>
__global__ void __launch_bounds__(kThreads) contract_forward(CellsOfRuns cells, const double* v, const T* table, T* t) {
  const double* rows = cells.shape.rows;
  const int terms = cells.shape.terms;
  const int64_t ncenters = cells.shape.ncenters, columns = cells.shape.columns;
  const bool slopes = v != nullptr;
  const CellChunk<T> chunk(terms, slopes);
  for (int64_t c = blockIdx.x; c < ncenters; c += gridDim.x) {
    for (int64_t m0 = 0; m0 < columns; m0 += blockDim.x) {
      const int64_t m = m0 + threadIdx.x;
      T sum[4] = {0, 0, 0, 0};
      for (int64_t first = cells.first(c); first < cells.last(c); first += kEdges) {
        load_edges(chunk, cells.of(c), rows, first, cells.last(c), terms, slopes);
        sum_moments(chunk, v, terms);
        const int nrun = *chunk.nrun;
        for (int run = 0; m < columns && run < nrun; ++run) {
          const T* coefficient = table + chunk.cell[run] * terms * columns + m;
          const Four<T>* moments = chunk.moment + run * terms;
#pragma unroll 4
          for (int k = 0; k < terms; ++k) {
            const T factor = coefficient[k * columns];
            const Four<T> moment = moments[k];
            for (int a = 0; a < 4; ++a) sum[a] += moment.of[a] * factor;
          }
        }
        __syncthreads();
      }
      for (int a = 0; m < columns && a < 4; ++a) t[(4 * c + a) * columns + m] = sum[a];
    }
  }
}

/// One block per center computes rows_grad [nedge, 4] from t_grad [ncenters, 4, columns]. It is zero for edges of the
/// center without a cell.
template <typename T>
__global__ void __launch_bounds__(kThreads)
    contract_backward(CellsOfRuns cells, const T* t_grad, const T* table, double* rows_grad) {
  const double* rows = cells.shape.rows;
  const int terms = cells.shape.terms;
  const int64_t ncenters = cells.shape.ncenters, columns = cells.shape.columns;
  const CellChunk<T> chunk(terms, true);
  const int warps = int(blockDim.x) / kWarp, warp = int(threadIdx.x) / kWarp;
  for (int64_t c = blockIdx.x; c < ncenters; c += gridDim.x) {
    const T* gradient = t_grad + 4 * c * columns;
    for (int64_t first = cells.first(c); first < cells.last(c); first += kEdges) {
      load_edges(chunk, cells.of(c), rows, first, cells.last(c), terms, true);
      // Derivative with respect to the moments of every run. A warp processes a run and eight terms; a lane first sums
      // over some columns, and then gets one of the 32 sums.
      constexpr int kTogether = kWarp / 4;
      const int groups = (terms + kTogether - 1) / kTogether;
      for (int q = warp; q < *chunk.nrun * groups; q += warps) {
        const int run = q / groups, k0 = q % groups * kTogether;
        const T* coefficient = table + (chunk.cell[run] * terms + k0) * columns;
        T sum[kWarp];
#pragma unroll
        for (int i = 0; i < kWarp; ++i) sum[i] = 0;
        for (int64_t m = lane_index(); m < columns; m += kWarp) {
          T g[4];
#pragma unroll
          for (int a = 0; a < 4; ++a) g[a] = gradient[a * columns + m];
#pragma unroll
          for (int k = 0; k < kTogether; ++k) {
            const T factor = k0 + k < terms ? coefficient[k * columns + m] : T(0);
#pragma unroll
            for (int a = 0; a < 4; ++a) sum[4 * k + a] += g[a] * factor;
          }
        }
        const T total = warp_sums(sum);
        const int k = k0 + lane_index() / 4;
        if (k < terms) chunk.moment[run * terms + k].of[lane_index() % 4] = total;
      }
      __syncthreads();
      const int j = int(threadIdx.x);
      if (j < kEdges && first + j < cells.last(c)) {
        double grad[4] = {0, 0, 0, 0};
        const int run = chunk.run_of[j];
        for (int k = 0; run >= 0 && k < terms; ++k) {
          double by_value = 0;
          for (int a = 0; a < 4; ++a) {
            const double q = double(chunk.moment[run * terms + k].of[a]);
            grad[a] += q * chunk.value[j * terms + k];
            by_value += q * chunk.row[4 * j + a];
          }
          grad[0] += by_value * chunk.slope[j * terms + k];
        }
        for (int a = 0; a < 4; ++a) rows_grad[4 * (first + j) + a] = grad[a];
      }
      __syncthreads();
    }
  }
}

template <typename T>
void forward(const GpuDevice& device, const Contraction& shape, const double* v, const T* table, T* t) {
  check_terms(shape.terms);
  const size_t bytes = CellChunk<T>::bytes(shape.terms, v != nullptr);
  launch(device, grid_of_blocks(shape.ncenters, threads_for(shape.columns), bytes), contract_forward<T>,
         CellsOfRuns{shape}, v, table, t);
}

/// Position in a loop over the runs of one cell: a run, and one of its edges.
struct Walk {
  int64_t run;   ///< index in cell_runs
  int64_t done;  ///< number of its edges that have been processed
};

/// Loads the next edges of the runs of a cell in the first warp, up to run `end`; short runs are loaded together. The
/// "cells" of the chunk are the centers of the runs. Returns the new position. All threads of the block call this.
template <typename T>
__device__ Walk load_runs(const CellChunk<T>& chunk, const Contraction& shape, int64_t cell, Walk walk, int64_t end,
                          bool slopes, Walk* shared) {
  if (threadIdx.x < kWarp) {
    // A lane first handles one of the next runs, then an edge. At most two chunks of a run matter.
    const int lane = lane_index();
    const int64_t run = walk.run + lane < end ? shape.cell_runs[walk.run + lane] : -1;
    const int64_t first = run < 0 ? 0 : shape.run_edges[2 * run] + (lane == 0 ? walk.done : 0);
    const int size = run < 0 ? 0 : int(min(shape.run_edges[2 * run + 1] - first, int64_t(2 * kEdges)));
    const int64_t center = run < 0 ? -1 : shape.run_center[run];
    int total = size;
    for (int step = 1; step < kWarp; step *= 2) {
      const int below = __shfl_up_sync(kAllLanes, total, step);
      if (lane >= step) total += below;
    }
    int owner = 0;  // number of runs that end at or before the edge of this lane
    for (int step = kWarp / 2; step > 0; step /= 2) {
      if (__shfl_sync(kAllLanes, total, owner + step - 1) <= lane) owner += step;
    }
    const int before = __shfl_sync(kAllLanes, total - size, owner);
    const int64_t e = __shfl_sync(kAllLanes, (long long)(first), owner) + lane - before;
    const int64_t of = __shfl_sync(kAllLanes, (long long)(center), owner);
    const bool taken = lane < __shfl_sync(kAllLanes, total, kWarp - 1);
    const CellOfEdge place{taken ? of : -1, shape.start[cell], shape.width[cell]};
    put_edge(chunk, place, shape.rows, taken ? e : -1, shape.terms, slopes);
    const int whole = __popc(__ballot_sync(kAllLanes, total <= kEdges));  // number of finished runs
    const int rest = kEdges - __shfl_sync(kAllLanes, total - size, whole % kWarp);
    if (lane == 0) {
      *shared =
          whole == kWarp ? Walk{walk.run + kWarp, 0} : Walk{walk.run + whole, rest + (whole == 0 ? walk.done : 0)};
    }
  }
  __syncthreads();
  return *shared;
}

/// The runs of a cell are divided into parts, one block per part: sums [ncell, nparts, terms, columns]. A thread keeps
/// the terms of a column in kTerms registers.
template <typename T, int kTerms>
__global__ void __launch_bounds__(kThreads, 2)
    contract_to_table(Contraction shape, const double* v, const T* t_grad, int64_t nparts, T* sums) {
  const int terms = shape.terms;
  const int64_t columns = shape.columns;
  const CellChunk<T> chunk(terms, v != nullptr);
  __shared__ Walk next;
  for (int64_t b = blockIdx.x; b < shape.ncell * nparts; b += gridDim.x) {
    const int64_t cell = b / nparts, part = b % nparts;
    const int64_t first_run = shape.cell_splits[cell], count = shape.cell_splits[cell + 1] - first_run;
    const int64_t begin = first_run + count * part / nparts, end = first_run + count * (part + 1) / nparts;
    for (int64_t m0 = 0; m0 < columns; m0 += blockDim.x) {
      const int64_t m = m0 + threadIdx.x;
      T sum[kTerms];
      for (int k = 0; k < kTerms; ++k) sum[k] = 0;
      for (Walk walk{begin, 0}; walk.run < end;) {
        walk = load_runs(chunk, shape, cell, walk, end, v != nullptr, &next);
        sum_moments(chunk, v, terms);
        const int nrun = *chunk.nrun;
        for (int run = 0; m < columns && run < nrun; ++run) {
          const T* gradient = t_grad + 4 * chunk.cell[run] * columns + m;
          const Four<T>* moments = chunk.moment + run * terms;
          T g[4];
          for (int a = 0; a < 4; ++a) g[a] = gradient[a * columns];
#pragma unroll
          for (int k = 0; k < kTerms; ++k) {
            if (k >= terms) break;
            const Four<T> moment = moments[k];
            for (int a = 0; a < 4; ++a) sum[k] += moment.of[a] * g[a];
          }
        }
        __syncthreads();
      }
#pragma unroll
      for (int k = 0; k < kTerms; ++k) {
        if (k < terms && m < columns) sums[(b * terms + k) * columns + m] = sum[k];
      }
    }
  }
}

template <typename T>
void to_table(const GpuDevice& device, const Contraction& shape, const double* v, const T* t_grad, T* table_grad) {
  check_terms(shape.terms);
  if (shape.ncell == 0) return;
  const int64_t nparts = std::clamp<int64_t>(kTableBlocks / shape.ncell, 1, kMaxParts);
  const int64_t size = shape.terms * shape.columns;
  T* sums = nparts == 1 ? table_grad : device.allocate<T>(shape.ncell * nparts * size);
  const Grid grid =
      grid_of_blocks(shape.ncell * nparts, threads_for(shape.columns), CellChunk<T>::bytes(shape.terms, v != nullptr));
  const auto run = [&](auto* kernel) { launch(device, grid, kernel, shape, v, t_grad, nparts, sums); };
  if (shape.terms <= 8) {
    run(contract_to_table<T, 8>);
  } else if (shape.terms <= 16) {
    run(contract_to_table<T, 16>);
  } else {
    run(contract_to_table<T, kMaxTerms>);
  }
  if (nparts == 1) return;
  launch(device, grid_of_threads(shape.ncell * size), add_parts<T>, shape.ncell, nparts, size,
         static_cast<const T*>(sums), table_grad);
}

}  // namespace

template <typename T>
void contract_cells(const GpuDevice& device, const Contraction& shape, const T* table, T* t) {
  forward<T>(device, shape, nullptr, table, t);
}

template <typename T>
void contract_cells_tangent(const GpuDevice& device, const Contraction& shape, const double* v, const T* table, T* t) {
  forward<T>(device, shape, v, table, t);
}

template <typename T>
void contract_cells_grad_rows(const GpuDevice& device, const Contraction& shape, const T* t_grad, const T* table,
                              double* rows_grad) {
  check_terms(shape.terms);
  check(cudaMemsetAsync(rows_grad, 0, sizeof(double) * 4 * size_t(shape.nedge), stream_of(device)), "cudaMemsetAsync");
  launch(device, grid_of_blocks(shape.ncenters, threads_for(shape.columns), CellChunk<T>::bytes(shape.terms, true)),
         contract_backward<T>, CellsOfRuns{shape}, t_grad, table, rows_grad);
}

template <typename T>
void contract_cells_grad_table(const GpuDevice& device, const Contraction& shape, const T* t_grad, T* table_grad) {
  to_table<T>(device, shape, nullptr, t_grad, table_grad);
}

template <typename T>
void contract_cells_tangent_grad_table(const GpuDevice& device, const Contraction& shape, const T* t_grad,
                                       const double* v, T* table_grad) {
  to_table<T>(device, shape, v, t_grad, table_grad);
}

#define DEEPMD_INSTANTIATE(T)                                                                                   \
  template void contract_cells<T>(const GpuDevice&, const Contraction&, const T*, T*);                          \
  template void contract_cells_grad_rows<T>(const GpuDevice&, const Contraction&, const T*, const T*, double*); \
  template void contract_cells_grad_table<T>(const GpuDevice&, const Contraction&, const T*, T*);               \
  template void contract_cells_tangent<T>(const GpuDevice&, const Contraction&, const double*, const T*, T*);   \
  template void contract_cells_tangent_grad_table<T>(const GpuDevice&, const Contraction&, const T*, const double*, T*)
DEEPMD_INSTANTIATE(float);
DEEPMD_INSTANTIATE(double);

}  // namespace deepmd
