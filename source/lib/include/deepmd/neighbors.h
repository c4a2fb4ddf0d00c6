#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <vector>

#include "deepmd/device.h"
#include "deepmd/gpu_device.h"

namespace deepmd {

/// Atoms nearer than this (Å) are at one position and have no environment: rounding leaves about 1e-15 between an atom
/// and its image.
constexpr double kCoincident = 1e-6;

/// The atoms of a batch of frames of one size.
struct Atoms {
  int nframes;
  int nloc;             ///< centers: the first nloc atoms of each frame
  int nall;             ///< all atoms of a frame: centers, then ghosts that are neighbors only
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

/// The neighbors of every center as compressed rows. Center i of frame f has row c = f * nloc + i, whose edges are
/// edge_splits[c] .. edge_splits[c + 1], sorted by the neighbor's type, then distance, then index.
struct Neighbors {
  std::vector<int64_t> edge_splits;  ///< [nframes * nloc + 1]
  std::vector<int32_t> neighbor;     ///< [nedge], index in [0, nall) of the neighbor (of the real atom, for an image)
  std::vector<double> edge_vec;      ///< [nedge, 3], r_j + shift - r_i, Å
};

/// Neighbors at r < rcut among the atoms and their periodic images; nall must equal nloc. Atoms may lie outside the
/// cell and the cell may be smaller than rcut, when an atom neighbors several images of another, and its own.
Neighbors periodic_neighbors(const CpuDevice& device, const Atoms& atoms, const Cells& cells, double rcut);

/// Neighbors at r < rcut among the atoms as they are.
Neighbors open_neighbors(const CpuDevice& device, const Atoms& atoms, double rcut);

/// The rows of `Neighbors` in memory of a GPU.
struct DeviceNeighbors {
  const int64_t* edge_splits;  ///< [nframes * nloc + 1]
  const int32_t* neighbor;     ///< [nedge]
  const double* edge_vec;      ///< [nedge, 3], Å
  int64_t nedge;
};

/// The same on a GPU, with the cells on the host; the result lies in memory that the device allocates. `max_neighbors`
/// gets the largest number of neighbors of each type that any center has, [ntypes]. Throws InputError, as `check_types`
/// does, where a type is outside [0, ntypes).
DeviceNeighbors periodic_neighbors(const GpuDevice& device, const Atoms& atoms, const Cells& cells, double rcut,
                                   int ntypes, std::vector<int>& max_neighbors);
DeviceNeighbors open_neighbors(const GpuDevice& device, const Atoms& atoms, double rcut, int ntypes,
                               std::vector<int>& max_neighbors);

/// The largest number of neighbors of each type that any center has, [ntypes]; types are in [0, ntypes).
std::vector<int> max_neighbors(const Atoms& atoms, const Neighbors& neighbors, int ntypes);

/// Frames of any size, their atoms one after another. Every atom is a center.
struct FrameBatch {
  int nframes;
  const int* frame_splits;  ///< [nframes + 1], where the atoms of each frame begin; natoms = frame_splits[nframes]
  const double* coord;      ///< [natoms, 3], Å
  const int* type;          ///< [natoms], in [0, ntypes), in any order
  const double* cells;      ///< [nframes, 3, 3], Å; not read for a frame that is not periodic
  const bool* periodic;     ///< [nframes], whether the frame repeats along all cell vectors or none
  int ntypes;
};

/// Throws InputError unless frame_splits [nframes + 1] begins at 0, never falls and ends at natoms.
void check_frame_splits(int nframes, const int* frame_splits, int64_t natoms);

/// Neighbors that another program has found, for instance among atoms and ghosts of a domain of its own.
struct NeighborList {
  int64_t nloc;                ///< centers: the first nloc atoms
  int64_t nall;                ///< all atoms: centers, then ghosts that are neighbors only
  const double* coord;         ///< [nall, 3], Å
  const int* type;             ///< [nall], in [0, ntypes), in any order
  const int64_t* list_splits;  ///< [nloc + 1]; who may be within the cutoff of center i begins at list_splits[i]
  const int32_t* neighbor;     ///< [list_length], index in [0, nall); a pair of centers is in the lists of both
  int64_t list_length;
  int ntypes;
};

/// Where a search writes the edges that it found.
struct EdgeRoom {
  int32_t* neighbor;  ///< [nedge], index of the neighbor among all atoms of the batch
  double* edge_vec;   ///< [nedge, 3], Å
};
/// Makes room when the number of edges is known.
using MakeRoom = std::function<EdgeRoom(int64_t nedge)>;

/// Neighbors at r < rcut in each frame, as rows in the order of `Neighbors`: atom i of the batch has row i. Writes
/// edge_splits [natoms + 1]; returns the largest number of neighbors of each type that any center has, [ntypes].
/// Throws InputError where two atoms are at one position.
std::vector<int> batch_neighbors(const CpuDevice& device, const FrameBatch& batch, double rcut, int64_t* edge_splits,
                                 const MakeRoom& make_room);

/// The same from a list: who is on it at r < rcut. Writes edge_splits [nloc + 1].
std::vector<int> listed_neighbors(const CpuDevice& device, const NeighborList& list, double rcut, int64_t* edge_splits,
                                  const MakeRoom& make_room);

/// The same on a GPU: coord, type, the list, edge_splits and what make_room gives are in its memory, frame_splits,
/// cells and periodic on the host. Waits once to know how many edges there are, and for a list once more, to know that
/// it names nobody twice.
std::vector<int> batch_neighbors(const GpuDevice& device, const FrameBatch& batch, double rcut, int64_t* edge_splits,
                                 const MakeRoom& make_room);
std::vector<int> listed_neighbors(const GpuDevice& device, const NeighborList& list, double rcut, int64_t* edge_splits,
                                  const MakeRoom& make_room);

}  // namespace deepmd
