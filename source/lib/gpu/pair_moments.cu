#include "deepmd/pair_moments.h"

#include <cmath>

#include "checks/panels.h"
#include "gpu/pair_angles.h"
#include "gpu/pair_sort.h"
#include "gpu/primitives.h"
#include "math/chebyshev.h"
#include "math/pair_series.h"

namespace deepmd {
namespace {

using namespace gpu;

// Maximum shared memory (bytes) for the coefficients of a center. Larger coefficients are in global memory, with a
// limited number of blocks.
constexpr size_t kMaxShared = 64 * 1024;
constexpr int64_t kBlocksInMemory = 1024;

/// Index to find the cell of a pair.
struct CellIndex {
  int64_t ncell;
  int terms;
  const int32_t* panel;        // [ncell]
  const int32_t* code_splits;  // [ncodes + 1], cells of each code
  const PairPlace* place;      // [ncell]

  /// Returns the cell of a pair, or ncell if there is none.
  __device__ __forceinline__ int64_t find(const PairAngle& at) const {
    if (at.code < 0) return ncell;
    int64_t low = code_splits[at.code], high = code_splits[at.code + 1];
    // Panels ascend from 0 with few gaps, so the cell is at the index of its panel or shortly before it.
    if (at.panel < high - low) {
      if (panel[low + at.panel] == at.panel) return low + at.panel;
      high = low + at.panel;
    }
    const int64_t end = high;
    while (low < high) {
      const int64_t middle = low + (high - low) / 2;
      if (panel[middle] < at.panel) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low < end && panel[low] == at.panel ? low : ncell;
  }
};

__global__ void index_cells(PairMoments shape, int64_t ncodes, int32_t* code_splits, PairPlace* place) {
  for (int64_t code = thread_index(); code <= ncodes; code += thread_count()) {
    int64_t low = 0, high = shape.ncell;
    while (low < high) {
      const int64_t middle = low + (high - low) / 2;
      if (shape.cell_code[middle] < code) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    code_splits[code] = int32_t(low);
  }
  for (int64_t c = thread_index(); c < shape.ncell; c += thread_count()) {
    place[c] = place_of(shape.cell_panel[c], shape.panels);
  }
}

CellIndex make_index(const GpuDevice& device, const PairMoments& shape) {
  const int64_t ncodes = int64_t(shape.ntypes) * shape.ntypes;
  int32_t* code_splits = device.allocate<int32_t>(ncodes + 1);
  PairPlace* place = device.allocate<PairPlace>(shape.ncell);
  launch(device, grid_of_threads(std::max(ncodes + 1, shape.ncell)), index_cells, shape, ncodes, code_splits, place);
  return {shape.ncell, shape.terms, shape.cell_panel, code_splits, place};
}

/// Returns the edges j <= k of a pair. Pairs are numbered by k, and then by j.
__device__ __forceinline__ void edges_of_pair(int64_t pair, int64_t* j, int64_t* k) {
  int64_t row = int64_t((sqrt(8.0 * double(pair) + 1) - 1) / 2);
  while (row * (row + 1) / 2 > pair) --row;
  while ((row + 1) * (row + 2) / 2 <= pair) ++row;
  *k = row;
  *j = pair - row * (row + 1) / 2;
}

/// Sums each of the first kTerms values over the lanes in a fixed order; lane n gets the sum of value n % kTerms. Each
/// step halves the number of values per lane.
template <int kTerms, int kHeld>
__device__ __forceinline__ double sums_of_lanes(double (&value)[kHeld]) {
  if constexpr (kTerms > 1) {
    constexpr int kHalf = kTerms / 2;
    const bool upper = (lane_index() & kHalf) != 0;
#pragma unroll
    for (int n = 0; n < kHalf; ++n) {
      const double mine = upper ? value[n + kHalf] : value[n], other = upper ? value[n] : value[n + kHalf];
      value[n] = mine + __shfl_xor_sync(kAllLanes, other, kHalf);
    }
    return sums_of_lanes<kHalf>(value);
  } else {
    for (int step = kHeld; step < kWarp; step *= 2) value[0] += __shfl_xor_sync(kAllLanes, value[0], step);
    return value[0];
  }
}

/// Work space of a block: some pairs of a center, and their sums.
template <int kTerms, bool kTangent>
struct PairWork {
  double theta[PairSort::kMax];
  double change[kTangent ? PairSort::kMax : 1];
  double carry[PairSort::kWarps][kTerms];  // sums of the first cell of a warp, if it continues from the previous warp
  int64_t carry_cell[PairSort::kWarps];
  PairSort pairs;

  static constexpr uint32_t kTwice = ~PairSort::kCell;  // bit of a key: the pair also represents (k, j)

  /// Loads `count` pairs, starting with pair `first`. Returns true if one of them has no cell.
  __device__ bool load(const PairRows& of, const CellIndex& cells, const double* v, int64_t begin, int64_t first,
                       int count) {
    bool lost = false;
    for (int p = threadIdx.x; p < count; p += kThreads) {
      int64_t j, k;
      edges_of_pair(first + p, &j, &k);
      j += begin;
      k += begin;
      const PairAngle at = pair_angle(of, j, k);
      const int64_t cell = cells.find(at);
      lost |= cell == cells.ncell;
      theta[p] = at.theta;
      if constexpr (kTangent) {
        change[p] = angular_product(of.rows + 4 * j, v + 4 * k) + angular_product(v + 4 * j, of.rows + 4 * k);
      }
      pairs.key[p] = uint32_t(cell) | (j != k && of.neighbor[j] == of.neighbor[k] ? kTwice : 0);
    }
    return lost;
  }

  /// Sums the run of pairs of one cell that starts at position s. Lane q gets the sum of term q in `total`. Returns the
  /// end of the run.
  __device__ int add_run(const uint16_t* sorted, int s, int end, uint32_t cell, const PairPlace& place, double* total) {
    double sums[kTerms];
#pragma unroll
    for (int q = 0; q < kTerms; ++q) sums[q] = 0;
    int taken;
    do {
      const int at = s + lane_index(), p = sorted[at < end ? at : s];
      const uint32_t key = pairs.key[p];
      const bool same = at < end && (key & PairSort::kCell) == cell;
      const double weight = kTangent ? change[p] : theta[p];
      const double w = !same ? 0 : (key & kTwice) != 0 ? 2 * weight : weight;
      const double u = same ? fma(theta[p] - place.start, place.scale, -1.0) : 0;
      chebyshev(u, kTerms, [&](int q, double value) { sums[q] = fma(w, value, sums[q]); });
      taken = __popc(__ballot_sync(kAllLanes, same));
      s += taken;
    } while (taken == kWarp && s < end);
    *total = sums_of_lanes<kTerms>(sums);
    return s;
  }

  /// Adds the moments of the sorted pairs to those of the center. Each warp adds the pairs of its window. Sums of a
  /// cell that started in an earlier window are added afterwards.
  __device__ void add(const uint16_t* sorted, int count, const CellIndex& cells, double* moments) {
    const int warp = int(threadIdx.x) / kWarp, lane = lane_index(), begin = warp * PairSort::window(count);
    const int end = min(begin + PairSort::window(count), count);
    if (lane == 0) carry_cell[warp] = cells.ncell;
    for (int s = begin; s < end;) {
      const uint32_t cell = pairs.key[sorted[s]] & PairSort::kCell;
      const bool continued = s == begin && s > 0 && (pairs.key[sorted[s - 1]] & PairSort::kCell) == cell;
      const bool known = cell < cells.ncell;
      double sum;
      s = add_run(sorted, s, end, cell, known ? cells.place[cell] : PairPlace{0, 0}, &sum);
      if (!known || lane >= cells.terms) continue;
      if (continued) {
        carry[warp][lane] = sum;
        carry_cell[warp] = cell;
      } else {
        moments[cell * int64_t(cells.terms) + lane] += sum;
      }
    }
    __syncthreads();
    if (int(threadIdx.x) < cells.terms) {
      for (int w = 1; w < PairSort::kWarps; ++w) {
        if (carry_cell[w] < cells.ncell) moments[carry_cell[w] * cells.terms + threadIdx.x] += carry[w][threadIdx.x];
      }
    }
    __syncthreads();
  }
};

/// One block per center; it processes the pairs in parts.
template <int kTerms, bool kTangent>
__global__ void __launch_bounds__(kThreads, kTerms <= 16 ? 3 : 1)
    sum_pairs(PairRows of, CellIndex cells, int cell_bits, const double* v, double* moments) {
  using Work = PairWork<kTerms, kTangent>;
  Work& work = *shared_memory<Work>();
  const int64_t size = cells.ncell * cells.terms;
  for (int64_t c = blockIdx.x; c < of.edges.ncenters; c += gridDim.x) {
    const int64_t begin = of.edges.edge_splits[c], n = of.edges.edge_splits[c + 1] - begin, npairs = n * (n + 1) / 2;
    double* own = moments + c * size;
    for (int64_t k = threadIdx.x; k < size; k += kThreads) own[k] = 0;
    bool lost = false;
    for (int64_t first = 0; first < npairs; first += PairSort::kMax) {
      const int count = int(npairs - first < PairSort::kMax ? npairs - first : PairSort::kMax);
      lost |= work.load(of, cells, v, begin, first, count);
      __syncthreads();
      work.add(work.pairs.sort(count, cell_bits), count, cells, own);
    }
    if (__syncthreads_or(lost)) {
      for (int64_t k = threadIdx.x; k < size; k += kThreads) own[k] = NAN;
    }
    __syncthreads();
  }
}

/// Converts sums of (change of theta) T_q(u) to sums of the change of theta T_q(u).
__global__ void __launch_bounds__(kThreads) transpose_slopes(int64_t ncenters, CellIndex cells, double* moments) {
  for (int64_t k = thread_index(); k < ncenters * cells.ncell; k += thread_count()) {
    slope_transposed(cells.terms, cells.place[k % cells.ncell], moments + k * cells.terms);
  }
}

template <int kTerms, bool kTangent>
void sum_pairs_of(const GpuDevice& device, const PairRows& of, const CellIndex& cells, const double* v,
                  double* moments) {
  launch(device, grid_of_blocks(of.edges.ncenters, kThreads, sizeof(PairWork<kTerms, kTangent>)),
         sum_pairs<kTerms, kTangent>, of, cells, bits_of(uint64_t(cells.ncell)), v, moments);
}

template <bool kTangent>
void run(const GpuDevice& device, const PairMoments& shape, const double* v, double* moments) {
  check_pair_moments(shape);
  const PairRows of = make_pair_rows(device, shape.edges, shape.rows, shape.ntypes, shape.panels);
  const CellIndex cells = make_index(device, shape);
  if (shape.terms <= 16) {
    sum_pairs_of<16, kTangent>(device, of, cells, v, moments);
  } else {
    sum_pairs_of<kMaxTerms, kTangent>(device, of, cells, v, moments);
  }
}

/// Returns the distance between the coefficients of two cells in shared memory. It is odd, so that lanes with different
/// cells read from different banks.
__host__ __device__ int64_t stride_of(int terms) { return terms | 1; }

/// Returns sum_q e_q T_q(u), computed with Clenshaw's recurrence.
__device__ __forceinline__ double series(const double* e, int terms, double u) {
  double next = 0, after = 0;
  for (int q = terms - 1; q > 0; --q) {
    const double value = fma(2 * u, next, e[q] - after);
    after = next;
    next = value;
  }
  return fma(u, next, e[0] - after);
}

/// One block per center, one warp per edge. The warp sums the gradients from the pairs with all edges of the center. A
/// pair is thus evaluated twice, once for each of its edges.
__global__ void __launch_bounds__(kThreads)
    pull_rows(PairRows of, CellIndex cells, const double* moments_grad, double* memory, double* rows_grad) {
  const int64_t stride = stride_of(cells.terms);
  double* slopes = memory == nullptr ? shared_memory<double>() : memory + blockIdx.x * cells.ncell * stride;
  for (int64_t c = blockIdx.x; c < of.edges.ncenters; c += gridDim.x) {
    for (int64_t cell = threadIdx.x; cell < cells.ncell; cell += kThreads) {
      slope_of_series(moments_grad + (c * cells.ncell + cell) * cells.terms, cells.terms, cells.place[cell], 1,
                      slopes + cell * stride);
    }
    __syncthreads();
    const int64_t begin = of.edges.edge_splits[c], end = of.edges.edge_splits[c + 1];
    for (int64_t j = begin + threadIdx.x / kWarp; j < end; j += kThreads / kWarp) {
      double sum[3] = {0, 0, 0};
      for (int64_t k = begin + lane_index(); k < end; k += kWarp) {
        const PairAngle at = pair_angle(of, j, k);
        const int64_t cell = cells.find(at);
        double weight = NAN;
        if (cell < cells.ncell) {
          const PairPlace place = cells.place[cell];
          weight = series(slopes + cell * stride, cells.terms, fma(at.theta - place.start, place.scale, -1.0));
          if (of.neighbor[j] == of.neighbor[k]) weight *= 2;  // (k, j) is another pair; for j = k, both rows are row j
        }
        for (int a = 0; a < 3; ++a) sum[a] = fma(weight, of.rows[4 * k + 1 + a], sum[a]);
      }
      for (int a = 0; a < 3; ++a) sum[a] = warp_sum(sum[a]);
      const int lane = lane_index();
      if (lane < 4) rows_grad[4 * j + lane] = lane == 0 ? 0 : lane == 1 ? sum[0] : lane == 2 ? sum[1] : sum[2];
    }
    __syncthreads();
  }
}

}  // namespace

void pair_moments(const GpuDevice& device, const PairMoments& shape, double* moments) {
  run<false>(device, shape, nullptr, moments);
}

void pair_moments_grad_rows(const GpuDevice& device, const PairMoments& shape, const double* moments_grad,
                            double* rows_grad) {
  check_pair_moments(shape);
  const PairRows of = make_pair_rows(device, shape.edges, shape.rows, shape.ntypes, shape.panels);
  const CellIndex cells = make_index(device, shape);
  const int64_t size = shape.ncell * stride_of(shape.terms), ncenters = shape.edges.ncenters;
  const bool fits = sizeof(double) * size_t(size) <= kMaxShared;
  const int64_t blocks = fits ? ncenters : std::min(ncenters, kBlocksInMemory);
  double* memory = fits ? nullptr : device.allocate<double>(blocks * size);
  launch(device, grid_of_blocks(blocks, kThreads, fits ? sizeof(double) * size_t(size) : 0), pull_rows, of, cells,
         moments_grad, memory, rows_grad);
}

void pair_moments_tangent(const GpuDevice& device, const PairMoments& shape, const double* v, double* moments) {
  run<true>(device, shape, v, moments);
  launch(device, grid_of_threads(shape.edges.ncenters * shape.ncell), transpose_slopes, shape.edges.ncenters,
         make_index(device, shape), moments);
}

}  // namespace deepmd
