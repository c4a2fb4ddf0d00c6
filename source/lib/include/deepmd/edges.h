#pragma once

#include <cstdint>

#include "deepmd/device.h"
#include "deepmd/environment.h"
#include "deepmd/gpu_device.h"

namespace deepmd {

/// Which atoms the edges of a batch join. Center i is atom i, one of the first `ncenters` atoms of the batch.
struct EdgeList {
  int64_t ncenters;
  int64_t natoms;  ///< centers, then ghosts that are neighbors only
  int64_t nedge;
  const int64_t* edge_splits;  ///< [ncenters + 1], where the edges of each center begin
  const int32_t* neighbor;     ///< [nedge], index in [0, natoms)
};

/// Throws InputError unless edge_splits [ncenters + 1] begins at 0, never falls and ends at nedge.
void check_edge_splits(int64_t ncenters, const int64_t* edge_splits, int64_t nedge);

/// Throws InputError unless there are at least as many atoms as centers; reads nothing that the edges point to.
void check_edge_natoms(const EdgeList& edges);

/// Throws InputError unless every neighbor is in [0, natoms); edge_splits have been checked.
void check_edge_neighbors(const CpuDevice& device, const EdgeList& edges);

/// The frames that the atoms of a batch belong to.
struct FrameSplits {
  int nframes;
  const int* splits;  ///< [nframes + 1], where the atoms of each frame begin
};

/// The same, and that both atoms of an edge are in one frame; frames have been checked.
void check_edge_neighbors(const CpuDevice& device, const EdgeList& edges, const FrameSplits& frames);

/// The edges of the centers in compressed rows, and what normalizes their environment: R~ = (R - avg) / std.
struct EdgeRows {
  int64_t ncenters;
  int64_t nedge;
  const int64_t* edge_splits;  ///< [ncenters + 1]
  const int* type;             ///< [ncenters], in [0, ntypes)
  const double* edge_vec;      ///< [nedge, 3], r_j + shift - r_i, Å
  int ntypes;
  const double* avg;          ///< [ntypes], mean of the radial column, 1/Å, by the center's type
  const double* std_radial;   ///< [ntypes], 1/Å, not zero
  const double* std_angular;  ///< [ntypes], 1/Å, not zero
  Cutoff cutoff;
};

/// Throws InputError where types, tables or cutoff, all in memory of the processor, cannot be used.
void check_edge_rows(const EdgeRows& edges);

/// Normalized environment rows [(s - avg)/std_radial, s x/r/std_angular, ...], written to rows [nedge, 4]. Throws
/// InputError where types, tables or cutoff cannot be used or an edge has no length.
void edge_rows(const CpuDevice& device, const EdgeRows& edges, double* rows);
void edge_rows(const GpuDevice& device, const EdgeRows& edges, double* rows);

/// The transpose of the derivative of edge_rows with respect to edge_vec: rows_grad [nedge, 4] -> edge_grad [nedge, 3].
void edge_rows_grad(const CpuDevice& device, const EdgeRows& edges, const double* rows_grad, double* edge_grad);
void edge_rows_grad(const GpuDevice& device, const EdgeRows& edges, const double* rows_grad, double* edge_grad);

/// The derivative of edge_rows along v [nedge, 3], Å -> rows_tangent [nedge, 4].
void edge_rows_tangent(const CpuDevice& device, const EdgeRows& edges, const double* v, double* rows_tangent);
void edge_rows_tangent(const GpuDevice& device, const EdgeRows& edges, const double* v, double* rows_tangent);

/// Forces from edge_grad = dE/d edge_vec [nedge, 3] eV/Å: F_i += g and F_j -= g; force [natoms, 3] eV/Å. The sum is the
/// same whatever the number of threads.
void edge_force(const CpuDevice& device, const EdgeList& edges, const double* edge_grad, double* force);
void edge_force(const GpuDevice& device, const EdgeList& edges, const double* edge_grad, double* force);

/// The transpose of edge_force: grad [natoms, 3] -> edge_grad [nedge, 3].
void edge_force_grad(const CpuDevice& device, const EdgeList& edges, const double* grad, double* edge_grad);
void edge_force_grad(const GpuDevice& device, const EdgeList& edges, const double* grad, double* edge_grad);

/// Virials from edge_grad = dE/d edge_vec [nedge, 3] eV/Å and edge_vec [nedge, 3] Å: the edge adds -g (x) edge_vec
/// (component 3a + b is -g_a edge_vec_b) to its neighbor j; the virial is the sum over the atoms of a frame, and
/// pressure = trace / 3V. virial [nframes, 9] and atom_virial [natoms, 9] eV. The sums are the same whatever the number
/// of threads.
void edge_virial(const CpuDevice& device, const EdgeList& edges, const FrameSplits& frames, const double* edge_grad,
                 const double* edge_vec, double* virial, double* atom_virial);
void edge_virial(const GpuDevice& device, const EdgeList& edges, const FrameSplits& frames, const double* edge_grad,
                 const double* edge_vec, double* virial, double* atom_virial);

/// The transpose of edge_virial, a linear map of edge_grad: (grad [nframes, 9], grad_atom [natoms, 9]) -> edge_grad
/// [nedge, 3].
void edge_virial_grad(const CpuDevice& device, const EdgeList& edges, const FrameSplits& frames, const double* grad,
                      const double* grad_atom, const double* edge_vec, double* edge_grad);
void edge_virial_grad(const GpuDevice& device, const EdgeList& edges, const FrameSplits& frames, const double* grad,
                      const double* grad_atom, const double* edge_vec, double* edge_grad);

}  // namespace deepmd
