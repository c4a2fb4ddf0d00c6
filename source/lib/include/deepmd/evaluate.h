#pragma once

#include <cstdint>
#include <vector>

#include "deepmd/activation.h"
#include "deepmd/device.h"
#include "deepmd/edges.h"
#include "deepmd/environment.h"
#include "deepmd/gpu_device.h"
#include "deepmd/neighbors.h"
#include "deepmd/radial_cells.h"

namespace deepmd {

/// The two-body descriptor of a trained model, its embedding net written as polynomials on panels of the radial axis.
///
///     T = (1/sum(sel)) sum_j R~_ij (x) G_ij    [4, columns]
///     D = T^T T[:, :axis]                      [columns, axis]
///
/// over the neighbors j of center i, with R~_ij the normalized environment rows and G_ij the embedding; an empty slot
/// adds `empty` to the first row of the sum (DeepPot-SE, arXiv 1805.09003).
template <typename T>
struct TabulatedDescriptor {
  Cutoff cutoff;
  const double* avg;          ///< [ntypes], mean of the radial column, 1/Å, by the center's type
  const double* std_radial;   ///< [ntypes], 1/Å, not zero
  const double* std_angular;  ///< [ntypes], 1/Å, not zero
  const int* sel;             ///< [ntypes], slots of each neighbor type; their sum is positive
  Codes codes;
  Panels panels;    ///< per_octave is positive
  int64_t npanels;  ///< that the table covers, from the first
  int terms;        ///< of the polynomials, from 2 to kMaxTerms
  int64_t columns;  ///< components of G
  const T* table;   ///< [ncodes, npanels, terms, columns], Chebyshev coefficients as for contract_cells
  const T* empty;   ///< [ntypes, ntypes, columns] by the types of center and neighbor
  int64_t axis;     ///< at most columns

  int64_t width() const { return columns * axis; }
};

/// Copies the normalization and the cutoff of a descriptor to rows of edges.
template <typename T>
void set_normalization(const TabulatedDescriptor<T>& descriptor, EdgeRows& edges) {
  edges.ntypes = descriptor.codes.ntypes;
  edges.avg = descriptor.avg;
  edges.std_radial = descriptor.std_radial;
  edges.std_angular = descriptor.std_angular;
  edges.cutoff = descriptor.cutoff;
}

/// y = idt phi(x W + b), and + x in a layer after the first whose width is that of its input.
template <typename F>
struct DenseLayer {
  int64_t n_in;
  int64_t n_out;
  const F* matrix;  ///< [n_in, n_out]
  const F* bias;    ///< [n_out]; of the first layer [ntypes, n_out], by the center's type
  const F* idt;     ///< [n_out], or null
};

/// The fitting net: atomic energies from descriptors and from what else a center is given.
template <typename F>
struct FittingNet {
  Activation activation;
  std::vector<DenseLayer<F>> layers;  ///< at least one; the first takes the descriptor
  int64_t nextra;
  const F* extra_matrix;    ///< [nextra, n_out of the first layer]
  const F* final_matrix;    ///< [n_out of the last layer]
  const double* atom_bias;  ///< [ntypes], eV
};

/// A whole model; T is the precision of the descriptor, F that of the fitting net, geometry is always float64.
template <typename T, typename F>
struct TabulatedModel {
  TabulatedDescriptor<T> descriptor;
  std::vector<FittingNet<F>> fitting;  ///< one for all types, or one for each, of the same widths and first bias
};

/// What a model says of a batch; atoms as the batch numbers them, of which centers are the first.
struct Evaluation {
  double* atom_energy;  ///< [ncenters], eV
  double* force;        ///< [natoms, 3], eV/Å
  double* virial;       ///< [nframes, 9], eV; see edge_virial
  double* atom_virial;  ///< [natoms, 9], eV
  int* max_neighbors;   ///< [ntypes], the largest number of neighbors of each type that any center has
};

/// Energies, forces and virials of frames; extra [natoms, nextra].
///
/// Centers are taken a block at a time through the whole model and back, so that neither edges nor descriptors of all
/// of them are ever held. For one instruction set the result is the same, bit by bit, whatever the number of threads.
/// Throws InputError where the geometry cannot be used or two atoms are nearer than the table reaches; tables must have
/// the sizes that the model says.
template <typename T, typename F>
void evaluate(const CpuDevice& device, const TabulatedModel<T, F>& model, const FrameBatch& batch, const F* extra,
              const Evaluation& out);

/// The same among atoms and ghosts with a list of neighbors, which are one frame; extra [nloc, nextra]. Forces and
/// virials of ghosts are left with them.
template <typename T, typename F>
void evaluate(const CpuDevice& device, const TabulatedModel<T, F>& model, const NeighborList& list, const F* extra,
              const Evaluation& out);

/// Centers that go through a model on a GPU together: enough to keep it busy, few enough that their descriptors do not
/// fill its memory.
constexpr int64_t kCentersAtOnce = 16384;

/// The same on a GPU. In its memory are: table and empty of the descriptor; matrices, biases and idt of the nets; coord
/// and type, the list, extra; and atom_energy, force, virial and atom_virial. On the host are: avg, std, sel and
/// interacting; atom_bias; frame_splits, cells and periodic; and max_neighbors. Waits for the search, with a net for
/// each type for their numbers, and at the end, to know that no two atoms are too near.
template <typename T, typename F>
void evaluate(const GpuDevice& device, const TabulatedModel<T, F>& model, const FrameBatch& batch, const F* extra,
              const Evaluation& out, int64_t centers_at_once = kCentersAtOnce);
template <typename T, typename F>
void evaluate(const GpuDevice& device, const TabulatedModel<T, F>& model, const NeighborList& list, const F* extra,
              const Evaluation& out, int64_t centers_at_once = kCentersAtOnce);

}  // namespace deepmd
