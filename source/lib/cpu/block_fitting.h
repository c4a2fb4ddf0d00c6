#pragma once

#include <cstdint>
#include <vector>

#include "cpu/buffer.h"
#include "cpu/column_product.h"
#include "deepmd/evaluate.h"

namespace deepmd {

/// What all blocks share: the net, and its first matrix for packed descriptors.
template <typename F>
struct FittingPlan {
  FittingPlan(const FittingNet<F>& net, const PackedSquare& packed);

  const FittingNet<F>& net;
  PackedSquare packed;
  Buffer<F> triangle;  ///< [packed.triangle(), n_1], rows (m, a) and (a, m) of the first matrix added

  /// The rows of the first matrix behind those of the triangle.
  const F* rest() const { return net.layers[0].matrix + packed.axis * packed.axis * net.layers[0].n_out; }
};

/// Energies of a few centers, and the way back to their descriptors; memory is reused from block to block.
///
/// Everything inside the net is [features, padded(n)]: a column is a center.
template <typename F>
class BlockFitting {
 public:
  /// Of n centers with these types [n]: extra [n, nextra], packed descriptors -> energy [n], eV.
  void forward(const FittingPlan<F>& plan, int64_t n, const int* type, const F* extra, const F* descriptors,
               double* energy);

  /// Of the block last gone forward: dE/d descriptors.
  void backward(const FittingPlan<F>& plan, int64_t n, F* descriptors_grad);

 private:
  /// What going forward leaves of a layer.
  struct Layer {
    Buffer<F> out;    ///< [n_out, padded(n)]
    Buffer<F> slope;  ///< the same, idt phi'
  };

  void begin_first(const FittingPlan<F>& plan, int64_t n, const int* type, const F* extra, const F* descriptors);
  void begin_later(const FittingPlan<F>& plan, int64_t n, size_t k);
  void finish(const FittingPlan<F>& plan, int64_t n, size_t k);

  std::vector<Layer> layers_;
  Buffer<F> extra_;
  Buffer<F> out_grad_, pre_grad_;
};

}  // namespace deepmd
