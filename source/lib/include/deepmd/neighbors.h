#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "deepmd/device.h"

namespace deepmd {

/// The atoms of a batch of frames of one size.
struct Atoms {
  int nframes;
  int nloc;             ///< centres: the first nloc atoms of each frame
  int nall;             ///< all atoms of a frame: centres, then ghosts that are neighbours only
  const double* coord;  ///< [nframes, nall, 3], Å
  const int* type;      ///< [nframes, nall], not negative, in any order
};

/// Throws InputError naming frame and atom unless every type is in [0, ntypes).
void check_types(const Atoms& atoms, int ntypes);

/// The cells of a batch of frames.
struct Cells {
  const double* vectors;         ///< [nframes, 3, 3], Å; rows are the cell vectors, of either handedness
  std::array<bool, 3> periodic;  ///< the axes along which the cell repeats; the vectors of the others are not used
};

/// The neighbours of every centre as compressed rows. Centre i of frame f has row c = f * nloc + i, whose edges are
/// edge_splits[c] .. edge_splits[c + 1], sorted by the neighbour's type, then distance, then index.
struct Neighbors {
  std::vector<int64_t> edge_splits;  ///< [nframes * nloc + 1]
  std::vector<int32_t> neighbor;     ///< [nedge], index in [0, nall) of the neighbour (of the real atom, for an image)
  std::vector<double> edge_vec;      ///< [nedge, 3], r_j + shift - r_i, Å
};

/// Neighbours at r < rcut among the atoms and their periodic images; nall must equal nloc. Atoms may lie outside the
/// cell and the cell may be smaller than rcut, when an atom neighbours several images of another, and its own.
Neighbors periodic_neighbors(const CpuDevice& device, const Atoms& atoms, const Cells& cells, double rcut);

/// Neighbours at r < rcut among the atoms as they are.
Neighbors open_neighbors(const CpuDevice& device, const Atoms& atoms, double rcut);

/// The largest number of neighbours of each type that any centre has, [ntypes]; types are in [0, ntypes).
std::vector<int> max_neighbors(const Atoms& atoms, const Neighbors& neighbors, int ntypes);

}  // namespace deepmd
