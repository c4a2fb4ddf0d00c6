#include "gpu/slots.h"

#include <cmath>
#include <limits>
#include <string>

#include "math/slot.h"

namespace deepmd::gpu {
namespace {

/// One warp per center finds target [nslots], the index of an atom in the batch, or -1.
__global__ void __launch_bounds__(kThreads) find_targets(SlotShape shape, const int* nlist, int32_t* target) {
  for (int64_t c = warp_index(); c < shape.centers(); c += warp_count()) {
    const int64_t first = c / shape.nloc * shape.nall;
    for (int64_t slot = c * shape.nnei + lane_index(); slot < (c + 1) * shape.nnei; slot += kWarp) {
      target[slot] = is_atom(shape, nlist[slot]) ? int32_t(first + nlist[slot]) : -1;
    }
  }
}

/// One thread per component of the gradient of a slot.
template <typename T, int kColumns>
__global__ void __launch_bounds__(kThreads)
    find_gradients(SlotShape shape, const T* net_deriv, const T* in_deriv, const int* nlist, double* gradient) {
  for (int64_t k = thread_index(); k < 3 * shape.slots(); k += thread_count()) {
    const int64_t slot = k / 3;
    const int j = nlist[slot];
    double g = j == -1 ? 0 : NAN;
    if (is_atom(shape, j)) {
      g = slot_gradient<kColumns>(net_deriv + kColumns * slot, in_deriv + 3 * kColumns * slot, int(k % 3));
    }
    gradient[k] = g;
  }
}

}  // namespace

Incoming incoming_slots(const GpuDevice& device, const SlotShape& shape, const int* nlist) {
  const int64_t natoms = int64_t(shape.nframes) * shape.nall;
  if (natoms > std::numeric_limits<int32_t>::max()) {
    throw InputError("expected at most " + std::to_string(std::numeric_limits<int32_t>::max()) +
                     " atoms in the frames of a batch on one GPU, got " + std::to_string(natoms));
  }
  int32_t* target = device.allocate<int32_t>(shape.slots());
  launch(device, grid_of_warps(shape.nnei > 0 ? shape.centers() : 0), find_targets, shape, nlist, target);
  return incoming_items(device, natoms, shape.slots(), target);
}

template <typename T, int kColumns>
const double* slot_gradients(const GpuDevice& device, const SlotShape& shape, const T* net_deriv, const T* in_deriv,
                             const int* nlist) {
  double* gradient = device.allocate<double>(3 * shape.slots());
  launch(device, grid_of_threads(3 * shape.slots()), find_gradients<T, kColumns>, shape, net_deriv, in_deriv, nlist,
         gradient);
  return gradient;
}

#define DEEPMD_SLOT_GRADIENTS(T, COLUMNS) \
  template const double* slot_gradients<T, COLUMNS>(const GpuDevice&, const SlotShape&, const T*, const T*, const int*)
DEEPMD_SLOT_GRADIENTS(float, kFullRow);
DEEPMD_SLOT_GRADIENTS(float, kRadialRow);
DEEPMD_SLOT_GRADIENTS(double, kFullRow);
DEEPMD_SLOT_GRADIENTS(double, kRadialRow);

}  // namespace deepmd::gpu
