#pragma once

#include <cstdint>
#include <vector>

#include "gpu/fetch.h"
#include "gpu/launch.h"

namespace deepmd::gpu {

using Number = unsigned long long;
constexpr Number kNone = ~Number(0);

/// Indices in the record, an array in which the kernels of a search return results to the host: the lowest index for
/// every kind of error, or kNone; then sizes; then the largest number of neighbors of each type [ntypes].
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

/// Creates a record without errors on the device.
Number* new_record(const GpuDevice& device, int ntypes);

/// Copies the record to the host; waits for the copy. `edge_splits` [rows + 1] is null if rows have not been counted.
std::vector<Number> read_record(const GpuDevice& device, Number* record, int ntypes, int64_t rows,
                                const int64_t* edge_splits);

/// Atomically lower or raise a value. Reading it first avoids most of the slow atomic operations.
__device__ __forceinline__ void lower(Number* place, Number value) {
  if (value < *static_cast<volatile Number*>(place)) atomicMin(place, value);
}
__device__ __forceinline__ void raise(Number* place, Number value) {
  if (value > *static_cast<volatile Number*>(place)) atomicMax(place, value);
}

}  // namespace deepmd::gpu
