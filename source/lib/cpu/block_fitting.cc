#include "cpu/block_fitting.h"

#include <algorithm>
#include <utility>

#include "cpu/isa/loops.h"
#include "deepmd/gemm.h"

namespace deepmd {
namespace {

template <typename F>
bool is_residual(const FittingNet<F>& net, size_t layer) {
  return layer > 0 && net.layers[layer].n_in == net.layers[layer].n_out;
}

}  // namespace

template <typename F>
void BlockFitting<F>::finish_layer(const FittingNet<F>& net, int64_t n, size_t k) {
  const DenseLayer<F>& layer = net.layers[k];
  Layer& kept = layers_[k];
  kept.slope.resize(n * layer.n_out);
  F* out = kept.out.data();
  loops().activate<F>()(net.activation, n * layer.n_out, out, out, kept.slope.data());
  if (layer.idt != nullptr) {
    for (int64_t i = 0; i < n; ++i) {
      for (int64_t m = 0; m < layer.n_out; ++m) out[i * layer.n_out + m] *= layer.idt[m];
    }
  }
  if (is_residual(net, k)) {
    const F* in = layers_[k - 1].out.data();
    for (int64_t m = 0; m < n * layer.n_out; ++m) out[m] += in[m];
  }
}

template <typename F>
void BlockFitting<F>::forward(const FittingNet<F>& net, int64_t n, const int* type, const F* extra,
                              const F* descriptors, double* energy) {
  layers_.resize(net.layers.size());
  const F* in = descriptors;
  for (size_t k = 0; k < layers_.size(); ++k) {
    const DenseLayer<F>& layer = net.layers[k];
    Buffer<F>& out = layers_[k].out;
    out.resize(n * layer.n_out);
    for (int64_t i = 0; i < n; ++i) {
      std::copy_n(layer.bias + (k == 0 ? type[i] * layer.n_out : 0), layer.n_out, out.data() + i * layer.n_out);
    }
    if (k == 0 && net.nextra > 0) {
      gemm_here<F>({n, layer.n_out, net.nextra, false, false}, extra, net.extra_matrix, true, out.data());
    }
    gemm_here<F>({n, layer.n_out, layer.n_in, false, false}, in, layer.matrix, true, out.data());
    finish_layer(net, n, k);
    in = out.data();
  }
  const int64_t width = net.layers.back().n_out;
  for (int64_t i = 0; i < n; ++i) {
    double sum = 0;
    for (int64_t m = 0; m < width; ++m) sum += double(in[i * width + m]) * double(net.final_matrix[m]);
    energy[i] = sum + net.atom_bias[type[i]];
  }
}

template <typename F>
void BlockFitting<F>::backward(const FittingNet<F>& net, int64_t n, F* descriptors_grad) {
  const int64_t last = net.layers.back().n_out;
  out_grad_.resize(n * last);
  for (int64_t i = 0; i < n; ++i) std::copy_n(net.final_matrix, last, out_grad_.data() + i * last);
  for (size_t k = layers_.size(); k-- > 0;) {
    const DenseLayer<F>& layer = net.layers[k];
    const F* slope = layers_[k].slope.data();
    pre_grad_.resize(n * layer.n_out);
    for (int64_t m = 0; m < n * layer.n_out; ++m) pre_grad_[m] = out_grad_[m] * slope[m];
    if (layer.idt != nullptr) {
      for (int64_t i = 0; i < n; ++i) {
        for (int64_t m = 0; m < layer.n_out; ++m) pre_grad_[i * layer.n_out + m] *= layer.idt[m];
      }
    }
    // A residual layer adds to what its output is given; the others overwrite it.
    const bool residual = is_residual(net, k);
    if (k > 0 && !residual) out_grad_.resize(n * layer.n_in);
    gemm_here<F>({n, layer.n_in, layer.n_out, false, true}, pre_grad_.data(), layer.matrix, residual,
                 k > 0 ? out_grad_.data() : descriptors_grad);
  }
}

template class BlockFitting<float>;
template class BlockFitting<double>;

}  // namespace deepmd
