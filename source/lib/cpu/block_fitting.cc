#include "cpu/block_fitting.h"

#include <algorithm>

#include "cpu/isa/loops.h"

namespace deepmd {
namespace {

template <typename F>
bool is_residual(const FittingNet<F>& net, size_t layer) {
  return layer > 0 && net.layers[layer].n_in == net.layers[layer].n_out;
}

/// c [n_out, n] += matrix^T b for a matrix [n_in, n_out] and b [n_in, n].
template <typename F>
void add_forward(int64_t n_in, int64_t n_out, int64_t n, const F* matrix, const F* b, F* c) {
  if (n_in == 0) return;
  loops().multiply_columns<F>()({n_out, n, n_in, matrix, 1, n_out, b, c, padded(n), true});
}

/// c [n_in, n] = matrix b, or c += matrix b, for a matrix [n_in, n_out] and b [n_out, n].
template <typename F>
void multiply_backward(int64_t n_in, int64_t n_out, int64_t n, const F* matrix, const F* b, bool accumulate, F* c) {
  if (n_in == 0) return;
  loops().multiply_columns<F>()({n_in, n, n_out, matrix, n_out, 1, b, c, padded(n), accumulate});
}

/// Fills row m of [rows, stride] with values[m].
template <typename F>
void fill_rows(int64_t rows, int64_t stride, const F* values, F* out) {
  for (int64_t m = 0; m < rows; ++m) std::fill_n(out + m * stride, stride, values[m]);
}

}  // namespace

template <typename F>
FittingPlan<F>::FittingPlan(const FittingNet<F>& net, const PackedSquare& packed) : net(net), packed(packed) {
  const int64_t width = net.layers[0].n_out, axis = packed.axis;
  const F* matrix = net.layers[0].matrix;
  triangle.resize(packed.triangle() * width);
  for (int64_t m = 0; m < axis; ++m) {
    for (int64_t a = 0; a <= m; ++a) {
      F* out = triangle.data() + (packed.row(m) + a) * width;
      std::copy_n(matrix + (m * axis + a) * width, width, out);
      if (a == m) continue;
      for (int64_t k = 0; k < width; ++k) out[k] += matrix[(a * axis + m) * width + k];
    }
  }
}

template <typename F>
void BlockFitting<F>::begin_first(const FittingPlan<F>& plan, int64_t n, const int* type, const F* extra,
                                  const F* descriptors) {
  const DenseLayer<F>& layer = plan.net.layers[0];
  const int64_t stride = padded(n), nextra = plan.net.nextra, triangle = plan.packed.triangle();
  F* out = layers_[0].out.data();
  for (int64_t m = 0; m < layer.n_out; ++m) {
    for (int64_t i = 0; i < n; ++i) out[m * stride + i] = layer.bias[type[i] * layer.n_out + m];
    std::fill(out + m * stride + n, out + (m + 1) * stride, F(0));
  }
  extra_.assign(nextra * stride, F(0));
  for (int64_t k = 0; k < nextra; ++k) {
    for (int64_t i = 0; i < n; ++i) extra_[k * stride + i] = extra[i * nextra + k];
  }
  add_forward(nextra, layer.n_out, n, plan.net.extra_matrix, extra_.data(), out);
  add_forward(triangle, layer.n_out, n, plan.triangle.data(), descriptors, out);
  add_forward(plan.packed.width() - triangle, layer.n_out, n, plan.rest(), descriptors + triangle * stride, out);
}

template <typename F>
void BlockFitting<F>::begin_later(const FittingPlan<F>& plan, int64_t n, size_t k) {
  const DenseLayer<F>& layer = plan.net.layers[k];
  fill_rows(layer.n_out, padded(n), layer.bias, layers_[k].out.data());
  add_forward(layer.n_in, layer.n_out, n, layer.matrix, layers_[k - 1].out.data(), layers_[k].out.data());
}

template <typename F>
void BlockFitting<F>::finish(const FittingPlan<F>& plan, int64_t n, size_t k) {
  const DenseLayer<F>& layer = plan.net.layers[k];
  const int64_t stride = padded(n), size = layer.n_out * stride;
  F *out = layers_[k].out.data(), *slope = layers_[k].slope.data();
  loops().activate<F>()(plan.net.activation, size, out, out, slope);
  if (layer.idt != nullptr) {
    for (int64_t m = 0; m < layer.n_out; ++m) {
      for (int64_t i = m * stride; i < (m + 1) * stride; ++i) {
        out[i] *= layer.idt[m];
        slope[i] *= layer.idt[m];
      }
    }
  }
  if (is_residual(plan.net, k)) {
    const F* in = layers_[k - 1].out.data();
    for (int64_t i = 0; i < size; ++i) out[i] += in[i];
  }
}

template <typename F>
void BlockFitting<F>::forward(const FittingPlan<F>& plan, int64_t n, const int* type, const F* extra,
                              const F* descriptors, double* energy) {
  const FittingNet<F>& net = plan.net;
  const int64_t stride = padded(n);
  layers_.resize(net.layers.size());
  for (size_t k = 0; k < layers_.size(); ++k) {
    layers_[k].out.resize(net.layers[k].n_out * stride);
    layers_[k].slope.resize(net.layers[k].n_out * stride);
    if (k == 0) {
      begin_first(plan, n, type, extra, descriptors);
    } else {
      begin_later(plan, n, k);
    }
    finish(plan, n, k);
  }
  for (int64_t i = 0; i < n; ++i) energy[i] = net.atom_bias[type[i]];
  const F* out = layers_.back().out.data();
  for (int64_t m = 0; m < net.layers.back().n_out; ++m) {
    for (int64_t i = 0; i < n; ++i) energy[i] += double(out[m * stride + i]) * double(net.final_matrix[m]);
  }
}

template <typename F>
void BlockFitting<F>::backward(const FittingPlan<F>& plan, int64_t n, F* descriptors_grad) {
  const FittingNet<F>& net = plan.net;
  const int64_t stride = padded(n);
  out_grad_.resize(net.layers.back().n_out * stride);
  fill_rows(net.layers.back().n_out, stride, net.final_matrix, out_grad_.data());
  for (size_t k = layers_.size(); k-- > 0;) {
    const DenseLayer<F>& layer = net.layers[k];
    const F* slope = layers_[k].slope.data();
    pre_grad_.resize(layer.n_out * stride);
    for (int64_t i = 0; i < layer.n_out * stride; ++i) pre_grad_[i] = out_grad_[i] * slope[i];
    if (k == 0) break;
    // A residual layer adds to what its output is given; the others overwrite it.
    const bool residual = is_residual(net, k);
    if (!residual) out_grad_.resize(layer.n_in * stride);
    multiply_backward(layer.n_in, layer.n_out, n, layer.matrix, pre_grad_.data(), residual, out_grad_.data());
  }
  const int64_t width = net.layers[0].n_out, triangle = plan.packed.triangle();
  multiply_backward(triangle, width, n, plan.triangle.data(), pre_grad_.data(), false, descriptors_grad);
  multiply_backward(plan.packed.width() - triangle, width, n, plan.rest(), pre_grad_.data(), false,
                    descriptors_grad + triangle * stride);
}

template struct FittingPlan<float>;
template struct FittingPlan<double>;
template class BlockFitting<float>;
template class BlockFitting<double>;

}  // namespace deepmd
