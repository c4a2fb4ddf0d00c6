#include "deepmd/gemm.h"

#include <algorithm>

#include "cpu/buffer.h"
#include "cpu/isa/loops.h"

namespace deepmd {
namespace {

// Tiles of the result, small enough that a batch of 192 atoms keeps several threads busy. A thread that has several
// tiles below each other multiplies them at once, since packing b for each would cost a tenth of the time; a number in
// them is the same sum in the same order, as the height is a multiple of what the kernel takes at a time.
constexpr int64_t kTileRows = 48;
constexpr int64_t kTileColumns = 256;

/// Memory of the calling thread that is kept for the next product.
template <typename T>
Packing<T> kept_packing() {
  thread_local Buffer<T> memory;
  return {&memory, [](void* owner, int64_t size) {
            auto& buffer = *static_cast<Buffer<T>*>(owner);
            if (int64_t(buffer.size()) < size) buffer.resize(size);
            return buffer.data();
          }};
}

int64_t tiles(int64_t size, int64_t tile) { return (size + tile - 1) / tile; }

}  // namespace

template <typename T>
void gemm(const CpuDevice& device, const Product& shape, const T* a, const T* b, T* c) {
  const auto multiply = loops().multiply<T>();
  const int64_t a_stride = shape.transpose_a ? shape.m : shape.k, b_stride = shape.transpose_b ? shape.k : shape.n;
  const int64_t across = tiles(shape.n, kTileColumns), down = tiles(shape.m, kTileRows);
  const int64_t cost = std::max<int64_t>(shape.k * kTileRows * std::min(shape.n, kTileColumns) / 20, 1);
  device.parallel_for(across * down, cost, [&](int64_t begin, int64_t end) {
    const Packing<T> packing = kept_packing<T>();
    for (int64_t tile = begin; tile < end;) {
      const int64_t below = std::min(end - tile, down - tile % down);
      const int64_t row = tile % down * kTileRows, column = tile / down * kTileColumns;
      Product part = shape;
      part.m = std::min(below * kTileRows, shape.m - row);
      part.n = std::min(kTileColumns, shape.n - column);
      multiply(part, a + (shape.transpose_a ? row : row * a_stride), a_stride,
               b + (shape.transpose_b ? column * b_stride : column), b_stride, c + row * shape.n + column, shape.n,
               packing);
      tile += below;
    }
  });
}

#define DEEPMD_INSTANTIATE(T) template void gemm<T>(const CpuDevice&, const Product&, const T*, const T*, T*)
DEEPMD_INSTANTIATE(float);
DEEPMD_INSTANTIATE(double);

}  // namespace deepmd
