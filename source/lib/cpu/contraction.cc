#include "deepmd/contraction.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "cpu/isa/loops.h"
#include "deepmd/error.h"

namespace deepmd {
namespace {

// A cell's share of the derivative by the table is summed over pieces of this many runs, whatever the threads.
constexpr int64_t kRunsPerPiece = 512;
// Centers whose runs are taken cell by cell: few enough that their t stay in the second cache.
constexpr int64_t kCentersPerBlock = 32;

/// Nanoseconds of the products of a run with a cell.
int64_t run_cost(const Contraction& shape) { return shape.terms * shape.columns / 4 + 100; }

/// The shape with the numbers of terms that count, which are put into `counts`.
template <typename T>
Contraction with_cell_terms(const CpuDevice& device, const Contraction& shape, const T* table,
                            std::vector<uint8_t>& counts) {
  if (shape.terms <= 4) return shape;
  counts.resize(shape.ncell);
  const int64_t size = shape.terms * shape.columns;
  device.parallel_for(shape.ncell, size / 8, [&](int64_t begin, int64_t end) {
    for (int64_t c = begin; c < end; ++c) {
      counts[c] = uint8_t(significant_terms(shape.terms, shape.columns, table + c * size));
    }
  });
  Contraction result = shape;
  result.cell_terms = counts.data();
  return result;
}

/// The runs of blocks of centers, in each of which they are sorted by cell.
struct BlockRuns {
  std::vector<int64_t> splits;  ///< [nblocks + 1]
  std::vector<int32_t> runs;    ///< [nrun]
};

BlockRuns sort_by_block(const Contraction& shape) {
  BlockRuns result;
  const int64_t nblocks = (shape.ncenters + kCentersPerBlock - 1) / kCentersPerBlock;
  for (int64_t b = 0; b <= nblocks; ++b) {
    result.splits.push_back(shape.run_splits[std::min(b * kCentersPerBlock, shape.ncenters)]);
  }
  std::vector<int64_t> next(result.splits.begin(), result.splits.end());
  result.runs.resize(shape.run_splits[shape.ncenters]);
  for (size_t k = 0; k < result.runs.size(); ++k) {
    const int32_t run = shape.cell_runs[k];
    result.runs[next[shape.run_center[run] / kCentersPerBlock]++] = run;
  }
  return result;
}

int64_t block_cost(const Contraction& shape, const BlockRuns& blocks) {
  const int64_t nblocks = int64_t(blocks.splits.size()) - 1;
  return run_cost(shape) * (int64_t(blocks.runs.size()) / std::max<int64_t>(nblocks, 1) + 1);
}

template <typename T>
void forward(const CpuDevice& device, const Contraction& all, const double* v, const T* table, T* t) {
  check_terms(all.terms);
  std::vector<uint8_t> counts;
  const Contraction shape = with_cell_terms(device, all, table, counts);
  const auto loop = loops().contract<T>().forward;
  const int64_t size = 4 * shape.columns;
  const BlockRuns blocks = sort_by_block(shape);
  device.parallel_for(int64_t(blocks.splits.size()) - 1, block_cost(shape, blocks), [&](int64_t begin, int64_t end) {
    const int64_t last = std::min(end * kCentersPerBlock, shape.ncenters);
    std::fill(t + begin * kCentersPerBlock * size, t + last * size, T(0));
    for (int64_t b = begin; b < end; ++b) {
      loop(shape, blocks.runs.data() + blocks.splits[b], blocks.splits[b + 1] - blocks.splits[b], v, table, t);
    }
  });
}

struct Piece {
  int64_t cell, begin, end;
};

template <typename T>
void to_table(const CpuDevice& device, const Contraction& shape, const double* v, const T* t_grad, T* table_grad) {
  check_terms(shape.terms);
  std::vector<Piece> pieces;
  for (int64_t c = 0; c < shape.ncell; ++c) {
    for (int64_t begin = shape.cell_splits[c]; begin < shape.cell_splits[c + 1]; begin += kRunsPerPiece) {
      pieces.push_back({c, begin, std::min(begin + kRunsPerPiece, shape.cell_splits[c + 1])});
    }
  }
  // The first piece of a cell is summed in place, later ones beside it.
  const int64_t size = shape.terms * shape.columns;
  std::vector<int64_t> offset(pieces.size(), -1);
  int64_t extra = 0;
  for (size_t k = 1; k < pieces.size(); ++k) {
    if (pieces[k].cell == pieces[k - 1].cell) offset[k] = size * extra++;
  }
  std::vector<T> sums(size * extra, T(0));
  std::fill(table_grad, table_grad + shape.ncell * size, T(0));
  const auto loop = loops().contract<T>().to_table;
  const int64_t runs = shape.cell_splits[shape.ncell];
  const int64_t cost = run_cost(shape) * (runs / std::max<int64_t>(int64_t(pieces.size()), 1) + 1);
  device.parallel_for(int64_t(pieces.size()), cost, [&](int64_t begin, int64_t end) {
    for (int64_t k = begin; k < end; ++k) {
      T* out = offset[k] < 0 ? table_grad + pieces[k].cell * size : sums.data() + offset[k];
      loop(shape, shape.cell_runs + pieces[k].begin, pieces[k].end - pieces[k].begin, v, t_grad, out);
    }
  });
  for (size_t k = 0; k < pieces.size(); ++k) {
    if (offset[k] < 0) continue;
    for (int64_t n = 0; n < size; ++n) table_grad[pieces[k].cell * size + n] += sums[offset[k] + n];
  }
}

}  // namespace

template <typename T>
int significant_terms(int terms, int64_t columns, const T* coefficients) {
  // A term is |c| in G and up to k^2 |c| in the derivative, of which round-off in c is as much.
  if (terms <= 4) return terms;
  constexpr T kRoundOff = sizeof(T) == sizeof(double) ? T(4e-13) : T(2e-7);
  T largest = 0;
  for (int64_t m = 0; m < columns; ++m) largest = std::max(largest, std::abs(coefficients[m]));
  int kept = terms;
  while (kept > 1) {
    const T* c = coefficients + (kept - 1) * columns;
    T max = 0;
    for (int64_t m = 0; m < columns; ++m) max = std::max(max, std::abs(c[m]));
    if (!(max * T((kept - 1) * (kept - 1)) <= kRoundOff * largest)) break;
    --kept;
  }
  return std::min((kept + 3) / 4 * 4, terms);
}

template <typename T>
void contract_cells(const CpuDevice& device, const Contraction& shape, const T* table, T* t) {
  forward<T>(device, shape, nullptr, table, t);
}

template <typename T>
void contract_cells_tangent(const CpuDevice& device, const Contraction& shape, const double* v, const T* table, T* t) {
  forward<T>(device, shape, v, table, t);
}

template <typename T>
void contract_cells_grad_rows(const CpuDevice& device, const Contraction& all, const T* t_grad, const T* table,
                              double* rows_grad) {
  check_terms(all.terms);
  std::vector<uint8_t> counts;
  const Contraction shape = with_cell_terms(device, all, table, counts);
  const auto loop = loops().contract<T>().to_rows;
  std::fill(rows_grad, rows_grad + 4 * shape.nedge, 0.0);
  const BlockRuns blocks = sort_by_block(shape);
  device.parallel_for(int64_t(blocks.splits.size()) - 1, block_cost(shape, blocks), [&](int64_t begin, int64_t end) {
    for (int64_t b = begin; b < end; ++b) {
      loop(shape, blocks.runs.data() + blocks.splits[b], blocks.splits[b + 1] - blocks.splits[b], t_grad, table,
           rows_grad);
    }
  });
}

template <typename T>
void contract_cells_grad_table(const CpuDevice& device, const Contraction& shape, const T* t_grad, T* table_grad) {
  to_table<T>(device, shape, nullptr, t_grad, table_grad);
}

template <typename T>
void contract_cells_tangent_grad_table(const CpuDevice& device, const Contraction& shape, const T* t_grad,
                                       const double* v, T* table_grad) {
  to_table<T>(device, shape, v, t_grad, table_grad);
}

#define DEEPMD_INSTANTIATE(T)                                                                                   \
  template int significant_terms<T>(int, int64_t, const T*);                                                    \
  template void contract_cells<T>(const CpuDevice&, const Contraction&, const T*, T*);                          \
  template void contract_cells_grad_rows<T>(const CpuDevice&, const Contraction&, const T*, const T*, double*); \
  template void contract_cells_grad_table<T>(const CpuDevice&, const Contraction&, const T*, T*);               \
  template void contract_cells_tangent<T>(const CpuDevice&, const Contraction&, const double*, const T*, T*);   \
  template void contract_cells_tangent_grad_table<T>(const CpuDevice&, const Contraction&, const T*, const double*, T*)
DEEPMD_INSTANTIATE(float);
DEEPMD_INSTANTIATE(double);

}  // namespace deepmd
