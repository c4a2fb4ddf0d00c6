#pragma once

#include <vector>

#include "deepmd/evaluate.h"
#include "gpu/descriptor.h"

namespace deepmd::gpu {

/// What goes through a fitting net and back, of any number of centers up to one that it has been made for.
template <typename F>
class ChunkFitting {
 public:
  /// The net's matrices, biases and idt are in memory of the device. Makes room for so many centers.
  ChunkFitting(const GpuDevice& device, const FittingNet<F>& net, int64_t ncenters);

  /// d [count, width] = descriptors -> atom_energy of the centers, eV, and d = dE/d descriptors; types and extra [.,
  /// nextra] are those of all atoms, atom_bias [ntypes] is on the device too.
  void run(const Chunk& chunk, const int* type, const F* extra, const double* atom_bias, F* d, double* atom_energy);

 private:
  /// What going forward leaves of a layer.
  struct Layer {
    F* out;    ///< [n, n_out]
    F* slope;  ///< the same, idt phi'
  };

  bool residual(size_t layer) const;
  void forward(const Chunk& chunk, const int* type, const F* extra, const F* d);
  void backward(const Chunk& chunk, F* d_grad);

  const GpuDevice& device_;
  FittingNet<F> net_;
  std::vector<Layer> layers_;
  F *grad_, *next_grad_;
};

}  // namespace deepmd::gpu
