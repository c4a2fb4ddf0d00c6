#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "deepmd/device.h"
#include "deepmd/gpu_device.h"

namespace deepmd {

/// Panels of the axis of the normalized radial column s. On each of them an embedding net is a polynomial.
///
/// With x = s - lowest + unit the panels divide every octave [unit 2^k, unit 2^(k+1)) evenly. They widen with s, as the
/// features of a net of s do. Every distance of two atoms lies in a panel.
struct Panels {
  double lowest;   ///< the smallest s, that of an atom at the cutoff
  double unit;     ///< width of the first octave in s, positive
  int per_octave;  ///< positive; or 0 for one cell of width 2 for every edge, with the edge at its midpoint
};

/// Throws InputError unless unit is positive and per_octave is at least `min_per_octave`.
void check_panels(const Panels& panels, int min_per_octave);

/// Code of an edge (center, neighbor) by the types of its ends.
struct Codes {
  int ntypes;
  bool one_side;            ///< code of an edge: the neighbor's type, or else center type * ntypes + neighbor type
  const bool* interacting;  ///< [ntypes, ntypes], false for pairs whose edges belong to no cell; null if all interact
};

/// Matrix [ntypes, ntypes] for Codes: false for each of the pairs of types in exclude_types, in either order. Throws
/// InputError unless these are pairs of types in [0, ntypes).
std::unique_ptr<bool[]> interacting_matrix(int ntypes, const std::vector<int64_t>& exclude_types);

/// The edges of a center in rows, as the neighbor search gives them.
struct EdgeTypes {
  int64_t ncenters;
  int64_t nedge;
  const int64_t* edge_splits;  ///< [ncenters + 1]
  const int32_t* neighbor;     ///< [nedge]
  const int32_t* type;         ///< [nall]; center i is atom i
};

/// The cells (code, panel) that hold edges, and the edges as runs: neighboring edges of one center in one cell.
struct RadialCells {
  std::vector<int32_t> code;         ///< [ncell]; cells are sorted by code, then panel
  std::vector<double> start, width;  ///< [ncell], of the panel, in s
  std::vector<int64_t> run_splits;   ///< [ncenters + 1], the runs of each center
  std::vector<int64_t> run_edges;    ///< [nrun, 2], first edge, and the one after the last
  std::vector<int32_t> run_cell;     ///< [nrun]
  std::vector<int32_t> run_center;   ///< [nrun]
  std::vector<int64_t> cell_splits;  ///< [ncell + 1], the runs of each cell
  std::vector<int32_t> cell_runs;    ///< [nrun], sorted by cell, then run
};

/// Sorts edges into cells by the first column of rows [nedge, 4]. If the edges of a center are sorted by type, then
/// distance, the center has at most one run in a cell; otherwise the runs are shorter.
RadialCells radial_cells(const CpuDevice& device, const EdgeTypes& edges, const double* rows, const Codes& codes,
                         const Panels& panels);

/// Memory of a GPU for the cells, as in RadialCells.
struct CellRoom {
  int32_t* code;
  double* start;
  double* width;
  int64_t* run_edges;
  int32_t* run_cell;
  int32_t* run_center;
  int64_t* cell_splits;
  int32_t* cell_runs;
};
/// Allocates memory of the device when the numbers of cells and runs are known.
using MakeCellRoom = std::function<CellRoom(int64_t ncell, int64_t nrun)>;

/// The same, with `interacting` on the device; writes run_splits [ncenters + 1]. Waits for the stream once.
void radial_cells(const GpuDevice& device, const EdgeTypes& edges, const double* rows, const Codes& codes,
                  const Panels& panels, int64_t* run_splits, const MakeCellRoom& make_room);

/// Numbers of interacting neighbors of each type of every center; numbers that are zero are left out.
struct TypeCounts {
  std::vector<int32_t> center;  ///< [n], ascending
  std::vector<int32_t> pair;    ///< [n], center type * ntypes + neighbor type
  std::vector<int32_t> count;   ///< [n], positive
};
TypeCounts count_types(const EdgeTypes& edges, const Codes& codes);

/// Memory of a GPU for the counts, as in TypeCounts.
struct CountRoom {
  int32_t* center;
  int32_t* pair;
  int32_t* count;
};
/// The same, with `interacting` on the device. Waits for the stream once.
void count_types(const GpuDevice& device, const EdgeTypes& edges, const Codes& codes,
                 const std::function<CountRoom(int64_t n)>& make_room);

}  // namespace deepmd
