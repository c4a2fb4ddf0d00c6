#pragma once

#include "deepmd/gemm.h"
#include "deepmd/gpu_device.h"

namespace deepmd::gpu {

/// Operands of c = a b, or c += a b: row-major matrices with the given row strides.
template <typename T>
struct Matrices {
  const T* a;
  int64_t a_stride;
  const T* b;
  int64_t b_stride;
  T* c;
  int64_t c_stride;
  bool accumulate;
};

template <typename T>
void multiply(const GpuDevice& device, const Product& shape, const Matrices<T>& matrices);

}  // namespace deepmd::gpu
