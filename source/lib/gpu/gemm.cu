#include "gpu/gemm.h"

#include "gpu/launch.h"

namespace deepmd {
namespace {

using namespace gpu;

// A block of 256 threads computes a tile of c, and each thread 8 x 4 elements of it. kDepth terms of the sum are in
// shared memory.
constexpr int kRows = 128, kColumns = 64, kDepth = 8;
constexpr int kOwnRows = 8, kOwnColumns = 4;
constexpr int kFromA = kRows * kDepth / kThreads, kFromB = kColumns * kDepth / kThreads;
static_assert(kRows / kOwnRows * (kColumns / kOwnColumns) == kThreads);

/// Loads a tile [kDepth, kWidth]; neighboring threads load neighboring elements in memory.
template <int kWidth>
struct TileLoad {
  bool along_depth;  ///< true if consecutive elements in memory are consecutive terms of the sum

  __device__ int depth(int k) const {
    const int q = int(threadIdx.x) + k * kThreads;
    return along_depth ? q % kDepth : q / kWidth;
  }
  __device__ int place(int k) const {
    const int q = int(threadIdx.x) + k * kThreads;
    return along_depth ? q / kDepth : q % kWidth;
  }
};

template <typename T>
__global__ void __launch_bounds__(kThreads, 1) multiply_tiles(Product shape, Matrices<T> matrices) {
  __shared__ T a_tile[kDepth][kRows + 1], b_tile[kDepth][kColumns + 1];
  const TileLoad<kRows> a_load{!shape.transpose_a};
  const TileLoad<kColumns> b_load{shape.transpose_b};
  const int64_t across = ceil_div(shape.n, kColumns), tiles = ceil_div(shape.m, kRows) * across;
  const int row = int(threadIdx.x) / (kColumns / kOwnColumns), column = int(threadIdx.x) % (kColumns / kOwnColumns);
  for (int64_t tile = blockIdx.x; tile < tiles; tile += gridDim.x) {
    const int64_t i0 = tile / across * kRows, j0 = tile % across * kColumns;
    T sum[kOwnRows][kOwnColumns] = {}, a_next[kFromA], b_next[kFromB];
    const auto fetch = [&](int64_t k0) {
#pragma unroll
      for (int q = 0; q < kFromA; ++q) {
        const int64_t k = k0 + a_load.depth(q), i = i0 + a_load.place(q);
        const int64_t at = shape.transpose_a ? k * matrices.a_stride + i : i * matrices.a_stride + k;
        a_next[q] = k < shape.k && i < shape.m ? matrices.a[at] : T(0);
      }
#pragma unroll
      for (int q = 0; q < kFromB; ++q) {
        const int64_t k = k0 + b_load.depth(q), j = j0 + b_load.place(q);
        const int64_t at = shape.transpose_b ? j * matrices.b_stride + k : k * matrices.b_stride + j;
        b_next[q] = k < shape.k && j < shape.n ? matrices.b[at] : T(0);
      }
    };
    fetch(0);
    for (int64_t k0 = 0; k0 < shape.k; k0 += kDepth) {
      __syncthreads();
#pragma unroll
      for (int q = 0; q < kFromA; ++q) a_tile[a_load.depth(q)][a_load.place(q)] = a_next[q];
#pragma unroll
      for (int q = 0; q < kFromB; ++q) b_tile[b_load.depth(q)][b_load.place(q)] = b_next[q];
      __syncthreads();
      if (k0 + kDepth < shape.k) fetch(k0 + kDepth);  // overlaps with the products
#pragma unroll
      for (int k = 0; k < kDepth; ++k) {
        T a[kOwnRows], b[kOwnColumns];
#pragma unroll
        for (int i = 0; i < kOwnRows; ++i) a[i] = a_tile[k][row + i * (kRows / kOwnRows)];
#pragma unroll
        for (int j = 0; j < kOwnColumns; ++j) b[j] = b_tile[k][column + j * (kColumns / kOwnColumns)];
#pragma unroll
        for (int i = 0; i < kOwnRows; ++i) {
#pragma unroll
          for (int j = 0; j < kOwnColumns; ++j) sum[i][j] += a[i] * b[j];
        }
      }
    }
#pragma unroll
    for (int i = 0; i < kOwnRows; ++i) {
#pragma unroll
      for (int j = 0; j < kOwnColumns; ++j) {
        const int64_t m = i0 + row + i * (kRows / kOwnRows), n = j0 + column + j * (kColumns / kOwnColumns);
        if (m >= shape.m || n >= shape.n) continue;
        T& out = matrices.c[m * matrices.c_stride + n];
        out = matrices.accumulate ? out + sum[i][j] : sum[i][j];
      }
    }
    __syncthreads();
  }
}

}  // namespace

namespace gpu {

template <typename T>
void multiply(const GpuDevice& device, const Product& shape, const Matrices<T>& matrices) {
  if (matrices.accumulate && shape.k == 0) return;
  const int64_t tiles = ceil_div(shape.m, kRows) * ceil_div(shape.n, kColumns);
  launch(device, grid_of_blocks(tiles, kThreads), multiply_tiles<T>, shape, matrices);
}

template void multiply<float>(const GpuDevice&, const Product&, const Matrices<float>&);
template void multiply<double>(const GpuDevice&, const Product&, const Matrices<double>&);

}  // namespace gpu

template <typename T>
void gemm(const GpuDevice& device, const Product& shape, const T* a, const T* b, T* c) {
  gpu::multiply<T>(
      device, shape,
      {a, shape.transpose_a ? shape.m : shape.k, b, shape.transpose_b ? shape.k : shape.n, c, shape.n, false});
}

template void gemm<float>(const GpuDevice&, const Product&, const float*, const float*, float*);
template void gemm<double>(const GpuDevice&, const Product&, const double*, const double*, double*);

}  // namespace deepmd
