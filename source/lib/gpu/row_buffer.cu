#include "gpu/row_buffer.h"

#include <algorithm>

namespace deepmd::gpu {
namespace {
constexpr int64_t kMaxScratch = int64_t(1) << 28;
constexpr int64_t kMaxScratchWarps = 4096;
}  // namespace

WarpMemory memory_of_warps(const GpuDevice& device, int64_t items, int64_t bytes) {
  if (bytes <= int64_t(kSharedWithoutAsking)) {
    const int64_t warps = std::clamp<int64_t>(int64_t(kSharedWithoutAsking) / bytes, 1, kRowThreads / kWarp);
    return {grid_of_blocks(ceil_div(items, warps), int(warps * kWarp), size_t(warps * bytes)), nullptr, bytes};
  }
  const int64_t warps = std::min(items, std::clamp<int64_t>(kMaxScratch / bytes, 1, kMaxScratchWarps));
  return {grid_of_blocks(warps, kWarp), device.allocate<char>(warps * bytes), bytes};
}

}  // namespace deepmd::gpu
