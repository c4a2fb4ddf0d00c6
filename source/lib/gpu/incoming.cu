#include "gpu/incoming.h"

#include <limits>
#include <string>

#include "gpu/launch.h"
#include "gpu/primitives.h"

namespace deepmd::gpu {
namespace {

__global__ void make_keys(int64_t natoms, int64_t nitems, const int32_t* target, uint32_t* key, uint32_t* item) {
  for (int64_t k = thread_index(); k < nitems; k += thread_count()) {
    const int64_t atom = target[k];
    key[k] = uint32_t(atom >= 0 && atom < natoms ? atom : natoms);
    item[k] = uint32_t(k);
  }
}

/// Finds the first item of each atom in the sorted keys. Each position sets the splits of the atoms after the previous
/// key, up to its own key.
__global__ void find_splits(int64_t natoms, int64_t nitems, const uint32_t* key, int64_t* splits) {
  for (int64_t k = thread_index(); k <= nitems; k += thread_count()) {
    const int64_t first = k == 0 ? 0 : int64_t(key[k - 1]) + 1;
    const int64_t last = k == nitems ? natoms : int64_t(key[k]);
    for (int64_t atom = first; atom <= last; ++atom) splits[atom] = k;
  }
}

}  // namespace

Incoming incoming_items(const GpuDevice& device, int64_t natoms, int64_t nitems, const int32_t* target) {
  if (nitems > std::numeric_limits<uint32_t>::max()) {
    throw InputError("expected at most " + std::to_string(std::numeric_limits<uint32_t>::max()) +
                     " edges or slots on one GPU, got " + std::to_string(nitems));
  }
  uint32_t *key = device.allocate<uint32_t>(nitems), *sorted_key = device.allocate<uint32_t>(nitems);
  uint32_t *item = device.allocate<uint32_t>(nitems), *sorted_item = device.allocate<uint32_t>(nitems);
  int64_t* splits = device.allocate<int64_t>(natoms + 1);
  launch(device, grid_of_threads(nitems), make_keys, natoms, nitems, target, key, item);
  sort_pairs<uint32_t>(device, nitems, bits_of(uint64_t(natoms)), key, sorted_key, item, sorted_item);
  launch(device, grid_of_threads(nitems + 1), find_splits, natoms, nitems, static_cast<const uint32_t*>(sorted_key),
         splits);
  return {splits, sorted_item};
}

}  // namespace deepmd::gpu
