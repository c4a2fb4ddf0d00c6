#include "deepmd/contraction.h"

#include <algorithm>
#include <string>
#include <vector>

#include "cpu/isa/loops.h"
#include "deepmd/error.h"

namespace deepmd {
namespace {

// A cell's share of the derivative by the table is summed over pieces of this many runs, whatever the threads.
constexpr int64_t kRunsPerPiece = 512;

void check(const Contraction& shape) {
  if (shape.terms < 2 || shape.terms > kMaxTerms) {
    throw InputError("expected 2 to " + std::to_string(kMaxTerms) + " terms in a cell, got " +
                     std::to_string(shape.terms));
  }
}

/// Nanoseconds of the products of a run with a cell.
int64_t run_cost(const Contraction& shape) { return shape.terms * shape.columns / 4 + 100; }

int64_t centre_cost(const Contraction& shape) {
  const int64_t runs = shape.run_splits[shape.ncentres];
  return run_cost(shape) * (runs / std::max<int64_t>(shape.ncentres, 1) + 1);
}

template <typename T>
void forward(const CpuDevice& device, const Contraction& shape, const double* v, const T* table, T* t) {
  check(shape);
  const auto loop = loops().contract<T>().forward;
  const int64_t size = 4 * shape.columns;
  device.parallel_for(shape.ncentres, centre_cost(shape), [&](int64_t begin, int64_t end) {
    std::fill(t + begin * size, t + end * size, T(0));
    for (int64_t i = begin; i < end; ++i) {
      loop(shape, shape.run_splits[i], shape.run_splits[i + 1], v, table, t + i * size);
    }
  });
}

struct Piece {
  int64_t cell, begin, end;
};

template <typename T>
void to_table(const CpuDevice& device, const Contraction& shape, const double* v, const T* t_grad, T* table_grad) {
  check(shape);
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
      loop(shape, pieces[k].begin, pieces[k].end, v, t_grad, out);
    }
  });
  for (size_t k = 0; k < pieces.size(); ++k) {
    if (offset[k] < 0) continue;
    for (int64_t n = 0; n < size; ++n) table_grad[pieces[k].cell * size + n] += sums[offset[k] + n];
  }
}

}  // namespace

template <typename T>
void contract_cells(const CpuDevice& device, const Contraction& shape, const T* table, T* t) {
  forward<T>(device, shape, nullptr, table, t);
}

template <typename T>
void contract_cells_tangent(const CpuDevice& device, const Contraction& shape, const double* v, const T* table, T* t) {
  forward<T>(device, shape, v, table, t);
}

template <typename T>
void contract_cells_grad_rows(const CpuDevice& device, const Contraction& shape, const T* t_grad, const T* table,
                              double* rows_grad) {
  check(shape);
  const auto loop = loops().contract<T>().to_rows;
  std::fill(rows_grad, rows_grad + 4 * shape.nedge, 0.0);
  device.parallel_for(shape.ncentres, centre_cost(shape), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      loop(shape, shape.run_splits[i], shape.run_splits[i + 1], t_grad + i * 4 * shape.columns, table, rows_grad);
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
  template void contract_cells<T>(const CpuDevice&, const Contraction&, const T*, T*);                          \
  template void contract_cells_grad_rows<T>(const CpuDevice&, const Contraction&, const T*, const T*, double*); \
  template void contract_cells_grad_table<T>(const CpuDevice&, const Contraction&, const T*, T*);               \
  template void contract_cells_tangent<T>(const CpuDevice&, const Contraction&, const double*, const T*, T*);   \
  template void contract_cells_tangent_grad_table<T>(const CpuDevice&, const Contraction&, const T*, const double*, T*)
DEEPMD_INSTANTIATE(float);
DEEPMD_INSTANTIATE(double);

}  // namespace deepmd
