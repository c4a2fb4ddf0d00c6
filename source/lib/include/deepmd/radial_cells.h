#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "deepmd/device.h"
#include "deepmd/gpu_device.h"

namespace deepmd {

/// Panels of the axis of the normalized radial column s, on each of which an embedding net is written as a polynomial.
///
/// With x = s - lowest + unit the panels divide every octave [unit 2^k, unit 2^(k+1)) evenly. They widen with s, where
/// the features of a net of s do: whatever the distance of two atoms, it lies in a panel.
struct Panels {
  double lowest;   ///< the least s there is, that of an atom at the cutoff
  double unit;     ///< of s, positive
  int per_octave;  ///< positive; or 0 for a cell of width 2 around every edge, of which it is the midpoint
};

/// Throws InputError unless the panels can be used, with at least so many in an octave.
void check_panels(const Panels& panels, int least_per_octave);

/// Of which types an edge (center, neighbor) makes a cell.
struct Codes {
  int ntypes;
  bool one_side;            ///< code of an edge: the neighbor's type, or else center type * ntypes + neighbor type
  const bool* interacting;  ///< [ntypes, ntypes] false for pairs whose edges belong to no cell; null for none
};

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

/// Sorts edges into cells by the first column of rows [nedge, 4]. In rows sorted by type, then distance, a center has
/// at most one run in a cell; in others the runs are shorter.
RadialCells radial_cells(const CpuDevice& device, const EdgeTypes& edges, const double* rows, const Codes& codes,
                         const Panels& panels);

/// Where the cells on a GPU are written, as in RadialCells.
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
/// Makes room in the memory of the device when the numbers of cells and of runs are known.
using MakeCellRoom = std::function<CellRoom(int64_t ncell, int64_t nrun)>;

/// The same, with `interacting` on the device; writes run_splits [ncenters + 1]. Waits for the stream once.
void radial_cells(const GpuDevice& device, const EdgeTypes& edges, const double* rows, const Codes& codes,
                  const Panels& panels, int64_t* run_splits, const MakeCellRoom& make_room);

/// How many interacting neighbors of each type a center has, for the types it has.
struct TypeCounts {
  std::vector<int32_t> center;  ///< [n], ascending
  std::vector<int32_t> pair;    ///< [n], center type * ntypes + neighbor type
  std::vector<int32_t> count;   ///< [n], positive
};
TypeCounts count_types(const EdgeTypes& edges, const Codes& codes);

/// Where the counts on a GPU are written, as in TypeCounts.
struct CountRoom {
  int32_t* center;
  int32_t* pair;
  int32_t* count;
};
/// The same, with `interacting` on the device. Waits for the stream once.
void count_types(const GpuDevice& device, const EdgeTypes& edges, const Codes& codes,
                 const std::function<CountRoom(int64_t n)>& make_room);

}  // namespace deepmd
