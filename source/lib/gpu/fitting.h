#pragma once

#include <vector>

#include "deepmd/evaluate.h"
#include "gpu/descriptor.h"

namespace deepmd::gpu {

/// Evaluates a fitting net and its gradient for up to a fixed number of centers.
template <typename F>
class ChunkFitting {
 public:
  /// Allocates memory for `ncenters` centers. The matrices, biases and idt of the net are in device memory.
  ChunkFitting(const GpuDevice& device, const FittingNet<F>& net, int64_t ncenters);

  /// Computes atom_energy of the centers (eV) from the descriptors d [count, width], and replaces d by dE/dd. `type`
  /// and extra [., nextra] are those of all atoms; atom_bias [ntypes] is on the device too.
  void run(const Chunk& chunk, const int* type, const F* extra, const double* atom_bias, F* d, double* atom_energy);

 private:
  /// Results of the forward pass of a layer.
  struct Layer {
    F* out;    ///< [n, n_out]
    F* slope;  ///< [n, n_out], idt phi'
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
