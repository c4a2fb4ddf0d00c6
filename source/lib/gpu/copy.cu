#include <algorithm>
#include <cstring>

#include "gpu/launch.h"

namespace deepmd {
namespace {

using namespace gpu;

/// Data that one launch passes as a kernel parameter; parameters are limited to 4 KiB.
struct Piece {
  unsigned char bytes[3840];
};

__global__ void __launch_bounds__(kThreads) store(Piece piece, int64_t count, unsigned char* out) {
  for (int64_t k = thread_index(); k < count; k += thread_count()) out[k] = piece.bytes[k];
}

__global__ void __launch_bounds__(kThreads) widen_each(int64_t n, const float* values, double* out) {
  for (int64_t k = thread_index(); k < n; k += thread_count()) out[k] = double(values[k]);
}

}  // namespace

void copy_to_device(const GpuDevice& device, const void* host, size_t bytes, void* out) {
  const auto* from = static_cast<const unsigned char*>(host);
  auto* to = static_cast<unsigned char*>(out);
  for (size_t begin = 0; begin < bytes; begin += sizeof(Piece)) {
    const size_t count = std::min(bytes - begin, sizeof(Piece));
    Piece piece;
    std::memcpy(piece.bytes, from + begin, count);
    launch(device, grid_of_threads(int64_t(count)), store, piece, int64_t(count), to + begin);
  }
}

void widen(const GpuDevice& device, int64_t n, const float* values, double* out) {
  launch(device, grid_of_threads(n), widen_each, n, values, out);
}

}  // namespace deepmd
