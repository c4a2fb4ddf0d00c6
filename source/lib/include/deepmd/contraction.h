#pragma once

#include <cstdint>

#include "deepmd/device.h"
#include "deepmd/gpu_device.h"

namespace deepmd {

/// The environment contracted with an embedding that is a polynomial of s on every cell (see radial_cells.h):
///
///     G_j = sum_k table[cell of j, k] T_k(u_j),    u_j = 2 (s_j - start) / width - 1
///     t_i = sum_j R_j (x) G_j                      [4, width of the table]
///
/// over the edges j of center i that are in a cell, with R_j their row and s_j its first column. With the moments
/// S = sum_j R_j (x) T(u_j) of a run, its share of t_i is the product S table[cell], and so on for what follows.
struct Contraction {
  int64_t ncenters;
  int64_t nedge;
  const double* rows;  ///< [nedge, 4]
  int64_t ncell;
  const double* start;         ///< [ncell]
  const double* width;         ///< [ncell]
  const int64_t* run_splits;   ///< [ncenters + 1]
  const int64_t* run_edges;    ///< [nrun, 2]
  const int32_t* run_cell;     ///< [nrun]
  const int32_t* run_center;   ///< [nrun]
  const int64_t* cell_splits;  ///< [ncell + 1]
  const int32_t* cell_runs;    ///< [nrun]
  int terms;                   ///< of the polynomials, from 2 to kMaxTerms
  int64_t columns;             ///< components of G

  /// [ncell], how many terms of a cell count, the rest being round-off (see significant_terms), or 0 for all; null for
  /// all in every cell. A GPU takes all. Only the derivatives by the table do not ask.
  const uint8_t* cell_terms = nullptr;
};

constexpr int kMaxTerms = 32;

/// Throws InputError unless polynomials may have so many terms.
void check_terms(int terms);

/// How many of the terms of a cell's coefficients [terms, columns], rounded up to a multiple of four, must be kept so
/// that what the rest adds to G and to its derivative by u is round-off in this precision.
template <typename T>
int significant_terms(int terms, int64_t columns, const T* coefficients);

/// table [ncell, terms, columns] -> t [ncenters, 4, columns].
template <typename T>
void contract_cells(const CpuDevice& device, const Contraction& shape, const T* table, T* t);
template <typename T>
void contract_cells(const GpuDevice& device, const Contraction& shape, const T* table, T* t);

/// Derivative by the rows: t_grad [ncenters, 4, columns], table -> rows_grad [nedge, 4], zero for edges in no cell.
template <typename T>
void contract_cells_grad_rows(const CpuDevice& device, const Contraction& shape, const T* t_grad, const T* table,
                              double* rows_grad);
template <typename T>
void contract_cells_grad_rows(const GpuDevice& device, const Contraction& shape, const T* t_grad, const T* table,
                              double* rows_grad);

/// Derivative by the table: t_grad -> table_grad [ncell, terms, columns].
template <typename T>
void contract_cells_grad_table(const CpuDevice& device, const Contraction& shape, const T* t_grad, T* table_grad);
template <typename T>
void contract_cells_grad_table(const GpuDevice& device, const Contraction& shape, const T* t_grad, T* table_grad);

/// Change of t along a change v [nedge, 4] of the rows: the transpose of contract_cells_grad_rows in t_grad.
template <typename T>
void contract_cells_tangent(const CpuDevice& device, const Contraction& shape, const double* v, const T* table, T* t);
template <typename T>
void contract_cells_tangent(const GpuDevice& device, const Contraction& shape, const double* v, const T* table, T* t);

/// Derivative of <t_grad, tangent> by the table: t_grad, v -> table_grad [ncell, terms, columns].
template <typename T>
void contract_cells_tangent_grad_table(const CpuDevice& device, const Contraction& shape, const T* t_grad,
                                       const double* v, T* table_grad);
template <typename T>
void contract_cells_tangent_grad_table(const GpuDevice& device, const Contraction& shape, const T* t_grad,
                                       const double* v, T* table_grad);

}  // namespace deepmd
