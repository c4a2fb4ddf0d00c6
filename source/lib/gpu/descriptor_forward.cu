#include "gpu/edge_tile.h"

namespace deepmd::gpu {
namespace {

/// Offsets in shared memory (bytes), in order: the tile, the number of neighbors of each type, polynomials
/// [kTileEdges, terms] and moments [kTileRuns, terms, 4].
template <typename T>
struct Layout {
  size_t counts, polynomials, moments, bytes;

  __host__ __device__ Layout(int ntypes, int terms)
      : counts(round_up(int64_t(sizeof(EdgeTile)), 16)),
        polynomials(counts + round_up(int64_t(sizeof(int)) * ntypes, 16)),
        moments(polynomials + sizeof(T) * kTileEdges * terms),
        bytes(moments + sizeof(T) * kTileRuns * terms * 4) {}
};

/// Computes moments [run - first, k, a], the sum of R_a T_k(u) over the edges of each run in [first, last).
template <typename T>
__device__ __forceinline__ void sum_moments(const EdgeTile& tile, int terms, int first, int last, const T* polynomials,
                                            T* moments) {
  for (int q = int(threadIdx.x); q < (last - first) * 4 * terms; q += kTileThreads) {
    const int k = q % terms, a = q / terms % 4, run = first + q / (4 * terms);
    T sum = 0;
    for (int e = tile.begin[run]; e < tile.end[run]; ++e) sum += T(tile.row[e][a]) * polynomials[e * terms + k];
    moments[((run - first) * terms + k) * 4 + a] = sum;
  }
}

/// Adds the contribution of the runs to a column of T: their moments times the coefficients of their cells.
template <typename T>
__device__ __forceinline__ void add_runs(const EdgeTile& tile, const DescriptorTables<T>& tables, int first, int last,
                                         const T* moments, int64_t column, T sum[4]) {
  for (int run = first; run < last; ++run) {
    const T* c = tables.table + int64_t(tile.cell[tile.begin[run]]) * tables.terms * tables.columns + column;
    const T* s = moments + (run - first) * tables.terms * 4;
#pragma unroll 8
    for (int k = 0; k < tables.terms; ++k) {
      const T value = __ldg(c + k * tables.columns);
#pragma unroll
      for (int a = 0; a < 4; ++a) sum[a] += s[4 * k + a] * value;
    }
  }
}

/// One block per center; a thread processes an edge, and then a column.
template <typename T, typename F>
__global__ void __launch_bounds__(kTileThreads, 1)
    forward(DescriptorTables<T> tables, RowEdges edges, Chunk chunk, T* t_all, F* d_all, Number* too_near) {
  const int ntypes = tables.codes.ntypes, terms = tables.terms;
  const int64_t columns = tables.columns, axis = tables.axis;
  const Layout<T> layout(ntypes, terms);
  char* shared = shared_memory<char>();
  EdgeTile& tile = *reinterpret_cast<EdgeTile*>(shared);
  int* counts = reinterpret_cast<int*>(shared + layout.counts);
  T* polynomials = reinterpret_cast<T*>(shared + layout.polynomials);
  T* moments = reinterpret_cast<T*>(shared + layout.moments);
  const int thread = int(threadIdx.x);
  for (int64_t i = blockIdx.x; i < chunk.count; i += gridDim.x) {
    const int64_t center = chunk.of(i), begin = edges.splits[center], end = edges.splits[center + 1];
    const int type = edges.type[center];
    T* t = t_all + i * 4 * columns;
    for (int k = thread; k < ntypes; k += kTileThreads) counts[k] = 0;
    for (int64_t m = thread; m < columns; m += kTileThreads) {
      for (int a = 0; a < 4; ++a) t[a * columns + m] = a == 0 ? tables.all_empty[type * columns + m] : T(0);
    }
    for (int64_t e0 = begin; e0 < end; e0 += kTileEdges) {
      __syncthreads();
      const OwnEdge own = load_edge(tables, edges, type, e0 + thread, end, tile, too_near);
      if (own.neighbor_type >= 0) atomicAdd(counts + own.neighbor_type, 1);
      if (own.cell >= 0) {
        chebyshev(tile.u[thread], terms, [&](int k, double value) { polynomials[thread * terms + k] = T(value); });
      }
      const int nruns = find_runs(tile);
      for (int first = 0; first < nruns; first += kTileRuns) {
        const int last = min(first + kTileRuns, nruns);
        sum_moments(tile, terms, first, last, polynomials, moments);
        __syncthreads();
        for (int64_t m = thread; m < columns; m += kTileThreads) {
          T sum[4] = {};
          add_runs(tile, tables, first, last, moments, m, sum);
          for (int a = 0; a < 4; ++a) t[a * columns + m] += sum[a];
        }
        __syncthreads();
      }
    }
    __syncthreads();
    for (int64_t m = thread; m < columns; m += kTileThreads) {
      T own = t[m];
      for (int k = 0; k < ntypes; ++k) {
        if (counts[k] > 0) own -= T(counts[k]) * tables.empty[(int64_t(type) * ntypes + k) * columns + m];
      }
      t[m] = own * tables.scale;
      for (int a = 1; a < 4; ++a) t[a * columns + m] *= tables.scale;
    }
    __syncthreads();
    F* d = d_all + i * columns * axis;
    for (int64_t q = thread; q < columns * axis; q += kTileThreads) {
      const int64_t m = q / axis, n = q % axis;
      T sum = t[m] * t[n];
#pragma unroll
      for (int a = 1; a < 4; ++a) sum += t[a * columns + m] * t[a * columns + n];
      d[q] = F(sum);
    }
    __syncthreads();
  }
}

template <typename T>
__global__ void __launch_bounds__(kThreads) add_empty(DescriptorTables<T> tables, const int* sel, T* all) {
  const int64_t ntypes = tables.codes.ntypes;
  for (int64_t q = thread_index(); q < ntypes * tables.columns; q += thread_count()) {
    const int64_t center = q / tables.columns, m = q % tables.columns;
    T sum = 0;
    for (int64_t k = 0; k < ntypes; ++k) sum += T(sel[k]) * tables.empty[(center * ntypes + k) * tables.columns + m];
    all[q] = sum;
  }
}

}  // namespace

template <typename T>
const T* sum_empty(const GpuDevice& device, const DescriptorTables<T>& tables, const int* sel) {
  const int64_t size = int64_t(tables.codes.ntypes) * tables.columns;
  T* all = device.allocate<T>(size);
  launch(device, grid_of_threads(size), add_empty<T>, tables, sel, all);
  return all;
}

template const float* sum_empty<float>(const GpuDevice&, const DescriptorTables<float>&, const int*);
template const double* sum_empty<double>(const GpuDevice&, const DescriptorTables<double>&, const int*);

template <typename T, typename F>
void descriptor_forward(const GpuDevice& device, const DescriptorTables<T>& tables, const RowEdges& edges,
                        const Chunk& chunk, T* t, F* d, Number* too_near) {
  const Layout<T> layout(tables.codes.ntypes, tables.terms);
  launch(device, grid_of_blocks(chunk.count, kTileThreads, layout.bytes), forward<T, F>, tables, edges, chunk, t, d,
         too_near);
}

#define DEEPMD_INSTANTIATE(T, F)                                                                                      \
  template void descriptor_forward<T, F>(const GpuDevice&, const DescriptorTables<T>&, const RowEdges&, const Chunk&, \
                                         T*, F*, Number*)
DEEPMD_INSTANTIATE(float, float);
DEEPMD_INSTANTIATE(float, double);
DEEPMD_INSTANTIATE(double, float);
DEEPMD_INSTANTIATE(double, double);

}  // namespace deepmd::gpu
