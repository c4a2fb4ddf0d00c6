#include "gpu/fitting.h"

#include <algorithm>

#include "gpu/gemm.h"
#include "math/activation.h"

namespace deepmd::gpu {
namespace {

/// Operations of a layer after its matrix product: bias, activation and residual.
template <typename F>
struct Finish {
  Activation activation;
  int64_t n_out;
  const F* bias;    ///< [n_out], or [ntypes, n_out] if `type` is given
  const int* type;  ///< types of all atoms, or null
  const F* extra;   ///< extra inputs of all atoms [., nextra]
  int64_t nextra;   ///< 0 in layers after the first
  const F* extra_matrix;
  const F* idt;  ///< or null
  const F* in;   ///< input of a residual layer [n, n_out], or null
};

/// Computes out = idt phi(out + bias) + in and slope = idt phi'; one thread per element.
template <typename F>
__global__ void __launch_bounds__(kThreads) finish_layer(Finish<F> layer, Chunk chunk, F* out, F* slope) {
  for (int64_t q = thread_index(); q < chunk.count * layer.n_out; q += thread_count()) {
    const int64_t m = q % layer.n_out;
    F x = out[q];
    if (layer.type != nullptr) {
      const int64_t center = chunk.of(q / layer.n_out);
      x += layer.bias[layer.type[center] * layer.n_out + m];
      for (int64_t k = 0; k < layer.nextra; ++k) {
        x += layer.extra[center * layer.nextra + k] * layer.extra_matrix[k * layer.n_out + m];
      }
    } else {
      x += layer.bias[m];
    }
    const ActivationResult<F> y = activation_of_number(layer.activation, x);
    const F scale = layer.idt != nullptr ? layer.idt[m] : F(1);
    out[q] = y.value * scale + (layer.in != nullptr ? layer.in[q] : F(0));
    slope[q] = y.slope * scale;
  }
}

/// One warp per center.
template <typename F>
__global__ void __launch_bounds__(kThreads)
    sum_energy(Chunk chunk, int64_t width, const int* type, const double* atom_bias, const F* out, const F* matrix,
               double* atom_energy) {
  for (int64_t i = warp_index(); i < chunk.count; i += warp_count()) {
    double sum = 0;
    for (int64_t m = lane_index(); m < width; m += kWarp) sum += double(out[i * width + m]) * double(matrix[m]);
    sum = warp_sum(sum);
    const int64_t center = chunk.of(i);
    if (lane_index() == 0) atom_energy[center] = atom_bias[type[center]] + sum;
  }
}

/// Multiplies slope [n, width] by dE/d out, which is `row` for every center, or `grad` [n, width] if `row` is null.
template <typename F>
__global__ void __launch_bounds__(kThreads) to_inside(int64_t n, int64_t width, const F* row, const F* grad, F* slope) {
  for (int64_t q = thread_index(); q < n * width; q += thread_count()) {
    slope[q] *= row != nullptr ? row[q % width] : grad[q];
  }
}

/// Fills grad [n, width] with `row` for every center.
template <typename F>
__global__ void __launch_bounds__(kThreads) repeat_row(int64_t n, int64_t width, const F* row, F* grad) {
  for (int64_t q = thread_index(); q < n * width; q += thread_count()) grad[q] = row[q % width];
}

}  // namespace

template <typename F>
ChunkFitting<F>::ChunkFitting(const GpuDevice& device, const FittingNet<F>& net, int64_t ncenters)
    : device_(device), net_(net) {
  int64_t widest = 0;
  for (const DenseLayer<F>& layer : net.layers) {
    widest = std::max(widest, layer.n_out);
    layers_.push_back({device.allocate<F>(ncenters * layer.n_out), device.allocate<F>(ncenters * layer.n_out)});
  }
  grad_ = device.allocate<F>(ncenters * widest);
  next_grad_ = device.allocate<F>(ncenters * widest);
}

template <typename F>
bool ChunkFitting<F>::residual(size_t layer) const {
  return layer > 0 && net_.layers[layer].n_in == net_.layers[layer].n_out;
}

template <typename F>
void ChunkFitting<F>::forward(const Chunk& chunk, const int* type, const F* extra, const F* d) {
  const F* in = d;
  for (size_t k = 0; k < layers_.size(); ++k) {
    const DenseLayer<F>& layer = net_.layers[k];
    multiply<F>(device_, {chunk.count, layer.n_out, layer.n_in, false, false},
                {in, layer.n_in, layer.matrix, layer.n_out, layers_[k].out, layer.n_out, false});
    const Finish<F> finish{net_.activation,          layer.n_out,       layer.bias, k == 0 ? type : nullptr,   extra,
                           k == 0 ? net_.nextra : 0, net_.extra_matrix, layer.idt,  residual(k) ? in : nullptr};
    launch(device_, grid_of_threads(chunk.count * layer.n_out), finish_layer<F>, finish, chunk, layers_[k].out,
           layers_[k].slope);
    in = layers_[k].out;
  }
}

template <typename F>
void ChunkFitting<F>::backward(const Chunk& chunk, F* d_grad) {
  const int64_t n = chunk.count;
  const F* row = net_.final_matrix;  // dE/d out of the last layer, the same for all centers
  F *grad = grad_, *other = next_grad_;
  for (size_t k = layers_.size(); k-- > 0;) {
    const DenseLayer<F>& layer = net_.layers[k];
    const Grid grid = grid_of_threads(n * layer.n_out);
    launch(device_, grid, to_inside<F>, n, layer.n_out, row, static_cast<const F*>(grad), layers_[k].slope);
    if (residual(k) && row != nullptr) launch(device_, grid, repeat_row<F>, n, layer.n_out, row, grad);
    // A residual layer adds to the gradient of its output; other layers overwrite it.
    F* to = k == 0 ? d_grad : residual(k) ? grad : other;
    multiply<F>(device_, {n, layer.n_in, layer.n_out, false, true},
                {layers_[k].slope, layer.n_out, layer.matrix, layer.n_out, to, layer.n_in, residual(k)});
    if (!residual(k)) std::swap(grad, other);
    row = nullptr;
  }
}

template <typename F>
void ChunkFitting<F>::run(const Chunk& chunk, const int* type, const F* extra, const double* atom_bias, F* d,
                          double* atom_energy) {
  forward(chunk, type, extra, d);
  const int64_t width = net_.layers.back().n_out;
  launch(device_, grid_of_warps(chunk.count), sum_energy<F>, chunk, width, type, atom_bias,
         static_cast<const F*>(layers_.back().out), net_.final_matrix, atom_energy);
  backward(chunk, d);
}

template class ChunkFitting<float>;
template class ChunkFitting<double>;

}  // namespace deepmd::gpu
