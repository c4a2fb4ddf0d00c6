#include "gpu/edge_tile.h"

namespace deepmd::gpu {
namespace {

/// Number of terms that a group of eight lanes sums at once, and number of groups in a block.
constexpr int kTermBlock = 4, kGroup = 8, kGroups = kTileThreads / kGroup;

template <typename T>
constexpr size_t shared_bytes(int terms) {
  return size_t(round_up(int64_t(sizeof(EdgeTile)), 16)) + sizeof(T) * kTileRuns * round_up(terms, kTermBlock) * 4;
}

/// Computes the gradient with respect to T in the block of the center:
/// t_grad[a, m] = sum_n dD[m, n] t[a, n] + (m < axis) sum_n dD[n, m] t[a, n].
template <typename T, typename F>
__device__ __forceinline__ void square_grad(const DescriptorTables<T>& tables, const T* t, const F* d_grad, T* t_grad) {
  const int64_t columns = tables.columns, axis = tables.axis;
  for (int64_t m = threadIdx.x; m < columns; m += kTileThreads) {
    T sum[4] = {};
    for (int64_t n = 0; n < axis; ++n) {
      const T g = T(d_grad[m * axis + n]);
#pragma unroll
      for (int a = 0; a < 4; ++a) sum[a] += g * t[a * columns + n];
    }
#pragma unroll
    for (int a = 0; a < 4; ++a) t_grad[a * columns + m] = tables.scale * sum[a];
  }
  __syncthreads();
  // Second term, for the first `axis` columns: eight lanes for each of the 4 * axis sums.
  const int group = int(threadIdx.x) / kGroup, lane = int(threadIdx.x) % kGroup;
  for (int64_t q0 = 0; q0 < 4 * axis; q0 += kGroups) {
    const int64_t q = q0 + group, m = q % axis, a = q / axis;
    T sum = 0;
    if (q < 4 * axis) {
      for (int64_t n = lane; n < columns; n += kGroup) sum += T(d_grad[n * axis + m]) * t[a * columns + n];
    }
    for (int step = kGroup / 2; step > 0; step /= 2) sum += __shfl_xor_sync(kAllLanes, sum, step);
    if (q < 4 * axis && lane == 0) t_grad[a * columns + m] += tables.scale * sum;
  }
}

/// Sums 16 values over a group of eight lanes; lane l gets the sums 2l and 2l + 1. Each step of the recursion halves
/// the number of values per lane: a lane keeps kHalf of them and exchanges the others with the lane at distance kStep.
template <int kHalf, int kStep, typename T>
__device__ __forceinline__ void sum_group(T (&value)[4 * kTermBlock], int lane) {
  const bool upper = (lane & kStep) != 0;
#pragma unroll
  for (int k = 0; k < kHalf; ++k) {
    const T given = upper ? value[k] : value[k + kHalf];
    const T kept = upper ? value[k + kHalf] : value[k];
    value[k] = kept + __shfl_xor_sync(kAllLanes, given, kStep);
  }
  if constexpr (kStep > 1) sum_group<kHalf / 2, kStep / 2>(value, lane);
}

/// Computes x [run - first, k, a] = sum_m c[k, m] t_grad[a, m] for the runs [first, last).
template <typename T>
__device__ __forceinline__ void run_products(const EdgeTile& tile, const DescriptorTables<T>& tables, int first,
                                             int last, const T* t_grad, T* x) {
  const int group = int(threadIdx.x) / kGroup, lane = int(threadIdx.x) % kGroup;
  const int blocks = int(ceil_div(tables.terms, kTermBlock)), items = (last - first) * blocks;
  const int64_t columns = tables.columns;
  for (int item0 = 0; item0 < items; item0 += kGroups) {
    const int item = item0 + group, run = item / blocks, term = item % blocks * kTermBlock;
    T sum[4 * kTermBlock] = {};
    if (item < items) {
      const T* c = tables.table + (int64_t(tile.cell[tile.begin[first + run]]) * tables.terms + term) * columns;
      const int count = min(kTermBlock, tables.terms - term);
      for (int64_t m = lane; m < columns; m += kGroup) {
        T g[4], value[kTermBlock];
#pragma unroll
        for (int a = 0; a < 4; ++a) g[a] = t_grad[a * columns + m];
#pragma unroll
        for (int k = 0; k < kTermBlock; ++k) value[k] = k < count ? __ldg(c + k * columns + m) : T(0);
#pragma unroll
        for (int k = 0; k < kTermBlock; ++k) {
#pragma unroll
          for (int a = 0; a < 4; ++a) sum[4 * k + a] += value[k] * g[a];
        }
      }
    }
    sum_group<2 * kTermBlock, kGroup / 2>(sum, lane);
    if (item < items) {
      T* out = x + item * 4 * kTermBlock + 2 * lane;
      out[0] = sum[0];
      out[1] = sum[1];
    }
  }
}

/// Computes grad = dE/d row of an edge from the products x of its run.
template <typename T>
__device__ __forceinline__ void row_gradient(int terms, const T* x, double u, double u_scale, const double row[4],
                                             double grad[4]) {
  double along = 0;
  for (int a = 0; a < 4; ++a) grad[a] = 0;
  chebyshev_derivative(u, terms, [&](int k, double value, double slope) {
    double product = 0;
#pragma unroll
    for (int a = 0; a < 4; ++a) {
      const double of_term = double(x[4 * k + a]);
      grad[a] += of_term * value;
      product += of_term * row[a];
    }
    along += slope * product;
  });
  grad[0] += u_scale * along;
}

/// One block per center.
template <typename T, typename F>
__global__ void __launch_bounds__(kTileThreads, 1)
    backward(DescriptorTables<T> tables, RowEdges edges, Chunk chunk, const T* t_all, const F* d_grad, T* t_grad_all,
             double* edge_grad) {
  char* shared = shared_memory<char>();
  EdgeTile& tile = *reinterpret_cast<EdgeTile*>(shared);
  T* x = reinterpret_cast<T*>(shared + round_up(int64_t(sizeof(EdgeTile)), 16));
  const int64_t columns = tables.columns;
  const int thread = int(threadIdx.x), padded_terms = int(round_up(tables.terms, kTermBlock));
  for (int64_t i = blockIdx.x; i < chunk.count; i += gridDim.x) {
    const int64_t center = chunk.of(i), begin = edges.splits[center], end = edges.splits[center + 1];
    const int type = edges.type[center];
    T* t_grad = t_grad_all + i * 4 * columns;
    square_grad(tables, t_all + i * 4 * columns, d_grad + i * columns * tables.axis, t_grad);
    for (int64_t e0 = begin; e0 < end; e0 += kTileEdges) {
      __syncthreads();
      const OwnEdge own = load_edge(tables, edges, type, e0 + thread, end, tile, nullptr);
      const int nruns = find_runs(tile);
      double grad[4] = {};
      for (int first = 0; first < nruns; first += kTileRuns) {
        run_products(tile, tables, first, min(first + kTileRuns, nruns), t_grad, x);
        __syncthreads();
        const int run = tile.run[thread] - first;
        if (own.cell >= 0 && run >= 0 && run < kTileRuns) {
          row_gradient(tables.terms, x + run * padded_terms * 4, tile.u[thread], own.u_scale, tile.row[thread], grad);
        }
        __syncthreads();
      }
      if (e0 + thread < end) {
        scaled_row_grad(own.factors, own.vec, scale_of(tables, type), grad, edge_grad + 3 * (e0 + thread));
      }
    }
    __syncthreads();
  }
}

}  // namespace

template <typename T, typename F>
void descriptor_backward(const GpuDevice& device, const DescriptorTables<T>& tables, const RowEdges& edges,
                         const Chunk& chunk, const T* t, const F* d_grad, T* t_grad, double* edge_grad) {
  launch(device, grid_of_blocks(chunk.count, kTileThreads, shared_bytes<T>(tables.terms)), backward<T, F>, tables,
         edges, chunk, t, d_grad, t_grad, edge_grad);
}

#define DEEPMD_INSTANTIATE(T, F)                                                                                       \
  template void descriptor_backward<T, F>(const GpuDevice&, const DescriptorTables<T>&, const RowEdges&, const Chunk&, \
                                          const T*, const F*, T*, double*)
DEEPMD_INSTANTIATE(float, float);
DEEPMD_INSTANTIATE(float, double);
DEEPMD_INSTANTIATE(double, float);
DEEPMD_INSTANTIATE(double, double);

}  // namespace deepmd::gpu
