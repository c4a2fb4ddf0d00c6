#pragma once

#include "math/host_device.h"

namespace deepmd {

/// Returns component b of the gradient of one slot, sum_a net_deriv[a] in_deriv[a][b].
template <int kColumns, typename T>
DEEPMD_HOST_DEVICE inline double slot_gradient(const T* net_deriv, const T* in_deriv, int b) {
  double g = double(net_deriv[0]) * in_deriv[b];
  for (int a = 1; a < kColumns; ++a) g += double(net_deriv[a]) * in_deriv[3 * a + b];
  return g;
}

/// Returns component a of its transpose, sum_b in_deriv[a][b] d[b].
template <typename T>
DEEPMD_HOST_DEVICE inline T slot_gradient_transpose(const T d[3], const T* in_deriv, int a) {
  const T* in = in_deriv + 3 * a;
  return in[0] * d[0] + in[1] * d[1] + in[2] * d[2];
}

}  // namespace deepmd
