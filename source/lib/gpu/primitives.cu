#include "gpu/primitives.h"

#include "gpu/launch.h"

#ifdef DEEPMD_EMULATE_CUDA
#include <algorithm>
#include <numeric>
#include <vector>
#else
#include <cub/device/device_radix_sort.cuh>
#include <cub/device/device_scan.cuh>
#endif

namespace deepmd::gpu {

#ifdef DEEPMD_EMULATE_CUDA

void exclusive_sums(const GpuDevice&, int64_t n, const int64_t* in, int64_t* out) {
  int64_t sum = 0;
  for (int64_t k = 0; k < n; ++k) {
    const int64_t value = in[k];
    out[k] = sum;
    sum += value;
  }
  out[n] = sum;
}

template <typename Key>
void sort_pairs(const GpuDevice&, int64_t n, int bits, const Key* keys, Key* sorted_keys, const uint32_t* values,
                uint32_t* sorted_values) {
  const Key mask = bits >= int(8 * sizeof(Key)) ? ~Key(0) : (Key(1) << bits) - 1;
  std::vector<int64_t> order(n);
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(),
                   [&](int64_t a, int64_t b) { return (keys[a] & mask) < (keys[b] & mask); });
  for (int64_t k = 0; k < n; ++k) {
    sorted_keys[k] = keys[order[k]];
    sorted_values[k] = values[order[k]];
  }
}

#else

namespace {

/// Computes the last sum, that of all values, from the previous sum and the last value.
__global__ void add_last(int64_t n, const int64_t* last, int64_t* out) { out[n] = n > 0 ? out[n - 1] + *last : 0; }

/// Calls a CUB algorithm twice: to get the size of its work space, and with the work space.
template <typename Algorithm>
void with_workspace(const GpuDevice& device, const char* name, const Algorithm& algorithm) {
  size_t bytes = 0;
  check(algorithm(static_cast<void*>(nullptr), bytes), name);
  void* workspace = device.allocate<char>(int64_t(bytes));
  check(algorithm(workspace, bytes), name);
}

}  // namespace

void exclusive_sums(const GpuDevice& device, int64_t n, const int64_t* in, int64_t* out) {
  int64_t* last = device.allocate<int64_t>(1);
  if (n > 0) {
    check(cudaMemcpyAsync(last, in + n - 1, sizeof(int64_t), cudaMemcpyDeviceToDevice, stream_of(device)),
          "cudaMemcpyAsync");
    with_workspace(device, "exclusive sum", [&](void* workspace, size_t& bytes) {
      return cub::DeviceScan::ExclusiveSum(workspace, bytes, in, out, n, stream_of(device));
    });
  }
  launch(device, {1, 1}, add_last, n, static_cast<const int64_t*>(last), out);
}

template <typename Key>
void sort_pairs(const GpuDevice& device, int64_t n, int bits, const Key* keys, Key* sorted_keys, const uint32_t* values,
                uint32_t* sorted_values) {
  if (n == 0) return;
  with_workspace(device, "sort", [&](void* workspace, size_t& bytes) {
    return cub::DeviceRadixSort::SortPairs(workspace, bytes, keys, sorted_keys, values, sorted_values, n, 0, bits,
                                           stream_of(device));
  });
}

#endif

template void sort_pairs<uint32_t>(const GpuDevice&, int64_t, int, const uint32_t*, uint32_t*, const uint32_t*,
                                   uint32_t*);
template void sort_pairs<uint64_t>(const GpuDevice&, int64_t, int, const uint64_t*, uint64_t*, const uint32_t*,
                                   uint32_t*);

}  // namespace deepmd::gpu
