#pragma once

#include <cstdint>
#include <vector>

#include "gpu/fetch.h"
#include "gpu/launch.h"

namespace deepmd::gpu {

using Number = unsigned long long;
constexpr Number kNone = ~Number(0);

/// What kernels of a search find out for the host, as places in an array of numbers: the lowest place of every fault,
/// or kNone, then sizes, then the largest number of neighbors of each type [ntypes].
enum RecordPlace : int {
  kBadType,        ///< atom
  kBadCoordinate,  ///< 3 * atom + axis
  kTooFar,         ///< atom
  kBadSplits,      ///< 0
  kBadListed,      ///< row
  kCoincidentRow,  ///< row
  kListedTwice,    ///< row
  kFaults,
  kLongestRow = kFaults,
  kEdges,
  kMax,
};

/// A record on the device, without faults.
Number* new_record(const GpuDevice& device, int ntypes);

/// Waits for the record; `edge_splits` [rows + 1], or null when rows have not been counted.
std::vector<Number> read_record(const GpuDevice& device, Number* record, int ntypes, int64_t rows,
                                const int64_t* edge_splits);

/// Most threads have nothing to change, and looking first spares them the wait for the others.
__device__ __forceinline__ void lower(Number* place, Number value) {
  if (value < *static_cast<volatile Number*>(place)) atomicMin(place, value);
}
__device__ __forceinline__ void raise(Number* place, Number value) {
  if (value > *static_cast<volatile Number*>(place)) atomicMax(place, value);
}

}  // namespace deepmd::gpu
