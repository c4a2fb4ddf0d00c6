#pragma once

#include <vector>

#include "deepmd/device.h"
#include "deepmd/environment.h"
#include "deepmd/gpu_device.h"
#include "deepmd/neighbors.h"
#include "deepmd/slots.h"

namespace deepmd {

/// How environment rows become slots: block t of a center's slots takes its nearest sel[t] neighbors of type t. A slot
/// holds `columns` numbers, kFullRow or kRadialRow.
template <typename T>
struct EnvMatSpec {
  Cutoff cutoff;
  std::vector<int> sel;  ///< [ntypes]; nnei = sum(sel)
  const T* davg;         ///< [ntypes, nnei, columns], 1/Å, by the center's type
  const T* dstd;         ///< [ntypes, nnei, columns], 1/Å, not zero
};

/// The padded form of the environment; an empty slot has neighbor -1, descrpt -davg/dstd, and zeros.
template <typename T>
struct EnvMat {
  T* descrpt;        ///< [nframes, nloc, nnei, columns], (R - davg) / dstd
  T* descrpt_deriv;  ///< [nframes, nloc, nnei, columns, 3], derivative of descrpt with respect to the *center's*
                     ///< position, 1/Å
  T* rij;            ///< [nframes, nloc, nnei, 3], r_j + shift - r_i, Å
  int* nlist;        ///< [nframes, nloc, nnei], index of the neighbor in [0, nall), or -1
};

/// Throws InputError unless the cutoff, davg and dstd, in memory of the processor, can be used.
template <typename T>
void check_env_mat(const EnvMatSpec<T>& spec, int columns);

/// Fills the slots from the neighbors. Two atoms at one position have no environment and throw InputError.
template <typename T, int kColumns>
void env_mat(const CpuDevice& device, const Atoms& atoms, const Neighbors& neighbors, const EnvMatSpec<T>& spec,
             const EnvMat<T>& out);

/// The same on a GPU, with `sel` on the host. Two atoms at one position make their slots NaN. A type or a neighbor out
/// of range, or a row that is not sorted by type, makes all slots of the center NaN, with neighbor -1.
template <typename T, int kColumns>
void env_mat(const GpuDevice& device, const Atoms& atoms, const DeviceNeighbors& neighbors, const EnvMatSpec<T>& spec,
             const EnvMat<T>& out);

}  // namespace deepmd
