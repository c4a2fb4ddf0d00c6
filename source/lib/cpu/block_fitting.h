#pragma once

#include <cstdint>
#include <vector>

#include "cpu/buffer.h"
#include "deepmd/evaluate.h"

namespace deepmd {

/// Energies of a few centres, and the way back to their descriptors; memory is reused from block to block.
template <typename F>
class BlockFitting {
 public:
  /// Of n centres with these types [n]: extra [n, nextra], descriptors [n, width] -> energy [n], eV.
  void forward(const FittingNet<F>& net, int64_t n, const int* type, const F* extra, const F* descriptors,
               double* energy);

  /// Of the block last gone forward: dE/d descriptors [n, width].
  void backward(const FittingNet<F>& net, int64_t n, F* descriptors_grad);

 private:
  /// What going forward leaves of a layer.
  struct Layer {
    Buffer<F> out;    ///< [n, n_out]
    Buffer<F> slope;  ///< [n, n_out], phi'
  };

  void finish_layer(const FittingNet<F>& net, int64_t n, size_t k);

  std::vector<Layer> layers_;
  Buffer<F> out_grad_, pre_grad_;
};

}  // namespace deepmd
