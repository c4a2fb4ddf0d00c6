#pragma once

#include <cstdint>

#include "deepmd/gpu_device.h"

namespace deepmd::gpu {

/// The items that point to each atom, in ascending order: so that an atom gathers what the items give it, always in the
/// same order, instead of being added to by many threads in any.
struct Incoming {
  const int64_t* splits;  ///< [natoms + 1]
  const uint32_t* items;  ///< [nitems]; those that point to no atom come last
};

/// Sorts the items by `target` [nitems]; one outside [0, natoms) belongs to no atom.
Incoming incoming_items(const GpuDevice& device, int64_t natoms, int64_t nitems, const int32_t* target);

}  // namespace deepmd::gpu
