#pragma once

#include <cstdint>

#include "deepmd/device.h"
#include "deepmd/gpu_device.h"

namespace deepmd {

/// A product of matrices in rows, c [m, n] = a b, with a [m, k], or [k, m] when transposed, and b [k, n], or [n, k].
struct Product {
  int64_t m, n, k;
  bool transpose_a;
  bool transpose_b;
};

/// The product, divided into tiles that do not depend on the number of threads, and so neither does the result.
template <typename T>
void gemm(const CpuDevice& device, const Product& shape, const T* a, const T* b, T* c);
template <typename T>
void gemm(const GpuDevice& device, const Product& shape, const T* a, const T* b, T* c);

}  // namespace deepmd
