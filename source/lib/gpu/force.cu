#include "deepmd/force.h"

#include <cmath>

#include "gpu/slots.h"
#include "math/slot.h"

namespace deepmd {
namespace {

using namespace gpu;

/// One warp per atom sums its own slots, then the slots that point to it.
template <typename T>
__global__ void __launch_bounds__(kThreads)
    sum_force(SlotShape shape, Incoming incoming, const double* gradient, T* force) {
  for (int64_t i = warp_index(); i < int64_t(shape.nframes) * shape.nall; i += warp_count()) {
    double sum[3] = {0, 0, 0};
    const int64_t c = center_of(shape, i);
    if (c >= 0) {
      for (int64_t slot = c * shape.nnei + lane_index(); slot < (c + 1) * shape.nnei; slot += kWarp) {
        for (int b = 0; b < 3; ++b) sum[b] -= gradient[3 * slot + b];
      }
    }
    for (int64_t k = incoming.splits[i] + lane_index(); k < incoming.splits[i + 1]; k += kWarp) {
      const int64_t slot = incoming.items[k];
      for (int b = 0; b < 3; ++b) sum[b] += gradient[3 * slot + b];
    }
    store_warp_sums(sum, force + 3 * i);
  }
}

/// One warp per center, one lane per column of a slot.
template <typename T, int kColumns>
__global__ void __launch_bounds__(kThreads)
    spread_grad(SlotShape shape, const T* grad, const T* in_deriv, const int* nlist, T* grad_net) {
  for (int64_t c = warp_index(); c < shape.centers(); c += warp_count()) {
    const int64_t frame = c / shape.nloc;
    const T* atoms = grad + frame * shape.nall * 3;
    const T* own = atoms + (c - frame * shape.nloc) * 3;
    const int64_t first = c * shape.nnei * kColumns;
    for (int64_t k = first + lane_index(); k < first + int64_t(shape.nnei) * kColumns; k += kWarp) {
      const int64_t slot = k / kColumns;
      const int j = nlist[slot];
      T result = j == -1 ? T(0) : T(NAN);
      if (is_atom(shape, j)) {
        const T* other = atoms + int64_t(j) * 3;
        const T d[3] = {other[0] - own[0], other[1] - own[1], other[2] - own[2]};
        result = slot_gradient_transpose(d, in_deriv + 3 * kColumns * slot, int(k % kColumns));
      }
      grad_net[k] = result;
    }
  }
}

}  // namespace

template <typename T, int kColumns>
void slot_force(const GpuDevice& device, const SlotShape& shape, const T* net_deriv, const T* in_deriv,
                const int* nlist, T* force) {
  const Incoming incoming = incoming_slots(device, shape, nlist);
  const double* gradient = slot_gradients<T, kColumns>(device, shape, net_deriv, in_deriv, nlist);
  launch(device, grid_of_warps(int64_t(shape.nframes) * shape.nall), sum_force<T>, shape, incoming, gradient, force);
}

template <typename T, int kColumns>
void slot_force_grad(const GpuDevice& device, const SlotShape& shape, const T* grad, const T* in_deriv,
                     const int* nlist, T* grad_net) {
  launch(device, grid_of_warps(shape.nnei > 0 ? shape.centers() : 0), spread_grad<T, kColumns>, shape, grad, in_deriv,
         nlist, grad_net);
}

#define DEEPMD_SLOT_FORCE(T, COLUMNS)                                                                           \
  template void slot_force<T, COLUMNS>(const GpuDevice&, const SlotShape&, const T*, const T*, const int*, T*); \
  template void slot_force_grad<T, COLUMNS>(const GpuDevice&, const SlotShape&, const T*, const T*, const int*, T*)
DEEPMD_SLOT_FORCE(float, kFullRow);
DEEPMD_SLOT_FORCE(float, kRadialRow);
DEEPMD_SLOT_FORCE(double, kFullRow);
DEEPMD_SLOT_FORCE(double, kRadialRow);

}  // namespace deepmd
