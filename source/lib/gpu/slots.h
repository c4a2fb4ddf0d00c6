#pragma once

#include "deepmd/slots.h"
#include "gpu/incoming.h"
#include "gpu/launch.h"

namespace deepmd::gpu {

/// Finds the slots that point to each of the nframes * nall atoms.
Incoming incoming_slots(const GpuDevice& device, const SlotShape& shape, const int* nlist);

/// Computes the gradient of every slot, slot_gradient [nslots, 3]: 0 for an empty slot, NaN for an invalid neighbor
/// index.
template <typename T, int kColumns>
const double* slot_gradients(const GpuDevice& device, const SlotShape& shape, const T* net_deriv, const T* in_deriv,
                             const int* nlist);

/// Returns true if a slot points to an atom of its frame.
__device__ __forceinline__ bool is_atom(const SlotShape& shape, int neighbor) {
  return neighbor >= 0 && neighbor < shape.nall;
}

/// Returns the row of atom i of the batch, or -1 if it is a ghost.
__device__ __forceinline__ int64_t center_of(const SlotShape& shape, int64_t i) {
  const int64_t frame = i / shape.nall, local = i - frame * shape.nall;
  return local < shape.nloc ? frame * shape.nloc + local : -1;
}

}  // namespace deepmd::gpu
