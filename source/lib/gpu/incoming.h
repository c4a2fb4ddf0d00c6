#pragma once

#include <cstdint>

#include "deepmd/gpu_device.h"

namespace deepmd::gpu {

/// Items that point to each atom, in ascending order. An atom sums its items in this order, so that the result is
/// reproducible; with atomic additions it would not be.
struct Incoming {
  const int64_t* splits;  ///< [natoms + 1]
  const uint32_t* items;  ///< [nitems]; items that point to no atom are last
};

/// Sorts the items by `target` [nitems]. An item with a target outside [0, natoms) belongs to no atom.
Incoming incoming_items(const GpuDevice& device, int64_t natoms, int64_t nitems, const int32_t* target);

}  // namespace deepmd::gpu
