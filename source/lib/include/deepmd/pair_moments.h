#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "deepmd/contraction.h"
#include "deepmd/device.h"
#include "deepmd/gpu_device.h"
#include "deepmd/radial_cells.h"

namespace deepmd {

/// Panels of the axis of theta = R_j . R_k (the angular columns of two rows of a center), on each of which an embedding
/// net of pairs of neighbors is written as a polynomial.
///
/// With x = |theta| / unit + 1 the panels divide every octave [2^k, 2^(k + 1)) of x evenly, on both sides of zero. They
/// are numbered outwards, those of positive theta 0, 2, 4 .., those of negative theta 1, 3, 5 ..
struct PairPanels {
  double unit;     ///< of theta, positive
  int per_octave;  ///< a power of two, at most 2^20
};

/// The cells (code, panel) that hold pairs. The code of a pair is the smaller of the neighbors' types * ntypes + the
/// larger; cells are sorted by code, then panel.
struct PairCells {
  std::vector<int32_t> code, panel;  ///< [ncell]
  std::vector<double> start, width;  ///< [ncell], of the panel, in theta
};

/// Finds the cells that hold pairs of neighbors of any center; rows [nedge, 4], of which the last three columns count.
PairCells pair_cells(const CpuDevice& device, const EdgeTypes& edges, const double* rows, int ntypes,
                     const PairPanels& panels);

/// Where the cells on a GPU are written, as in PairCells.
struct PairCellRoom {
  int32_t* code;
  int32_t* panel;
  double* start;
  double* width;
};
/// Makes room in the memory of the device when the number of cells is known.
using MakePairCellRoom = std::function<PairCellRoom(int64_t ncell)>;

/// The same. Waits for the stream twice: for the largest theta that there can be, and for the number of cells.
void pair_cells(const GpuDevice& device, const EdgeTypes& edges, const double* rows, int ntypes,
                const PairPanels& panels, const MakePairCellRoom& make_room);

/// Moments of the pairs of every center i in every cell c,
///
///     S[i, c, q] = sum theta_jk T_q(u_jk),    u_jk = 2 (theta_jk - start) / width - 1
///
/// over the ordered pairs (j, k) of neighbors in the cell, j = k among them, with type_j <= type_k. With an embedding
/// G_jk = sum_q table[c, q] T_q(u_jk) that is tabulated on cells, S table is the sum of theta_jk G_jk over pairs.
struct PairMoments {
  EdgeTypes edges;
  const double* rows;  ///< [nedge, 4]
  int ntypes;
  PairPanels panels;
  int64_t ncell;
  const int32_t* cell_code;   ///< [ncell], as pair_cells gives them
  const int32_t* cell_panel;  ///< [ncell]
  int terms;                  ///< of the polynomials, from 2 to kMaxTerms
};

/// -> moments [ncenters, ncell, terms]. The result does not depend on the number of threads, bit by bit.
void pair_moments(const CpuDevice& device, const PairMoments& shape, double* moments);

/// Derivative by the rows: moments_grad [ncenters, ncell, terms] -> rows_grad [nedge, 4], zero in the first column.
void pair_moments_grad_rows(const CpuDevice& device, const PairMoments& shape, const double* moments_grad,
                            double* rows_grad);

/// Change of the moments along a change v [nedge, 4] of the rows: the transpose of pair_moments_grad_rows.
void pair_moments_tangent(const CpuDevice& device, const PairMoments& shape, const double* v, double* moments);

/// The same on a GPU, with cells in the order of pair_cells. A pair that lies in none of them makes the moments of its
/// center, or the derivatives by the rows of the pair, NaN.
void pair_moments(const GpuDevice& device, const PairMoments& shape, double* moments);
void pair_moments_grad_rows(const GpuDevice& device, const PairMoments& shape, const double* moments_grad,
                            double* rows_grad);
void pair_moments_tangent(const GpuDevice& device, const PairMoments& shape, const double* v, double* moments);

}  // namespace deepmd
