#pragma once

#include "math/host_device.h"

namespace deepmd {

/// Computes the Chebyshev polynomials T_0 .. T_{terms - 1} at u, with T_{k+1} = 2u T_k - T_{k-1}, and calls use(k, T_k)
/// for each.
template <typename Use>
DEEPMD_HOST_DEVICE DEEPMD_ALWAYS_INLINE void chebyshev(double u, int terms, Use use) {
  double before = 1, value = u;
  use(0, before);
  for (int k = 1; k < terms; ++k) {
    use(k, value);
    const double next = 2 * u * value - before;
    before = value;
    value = next;
  }
}

/// Computes the polynomials and their derivatives, T'_{k+1} = 2 T_k + 2u T'_k - T'_{k-1}, and calls
/// use(k, T_k, dT_k/du) for each.
template <typename Use>
DEEPMD_HOST_DEVICE DEEPMD_ALWAYS_INLINE void chebyshev_derivative(double u, int terms, Use use) {
  double before = 1, value = u, slope_before = 0, slope = 1;
  use(0, before, slope_before);
  for (int k = 1; k < terms; ++k) {
    use(k, value, slope);
    const double next = 2 * u * value - before;
    const double slope_next = 2 * (value + u * slope) - slope_before;
    before = value;
    value = next;
    slope_before = slope;
    slope = slope_next;
  }
}

/// Computes T_k [terms] and, unless `slope` is null, dT_k/du for a single u. Each polynomial follows from those of
/// about half its index, T_{a + b} = 2 T_a T_b - T_{a - b}, which makes the chain of dependent operations short.
DEEPMD_HOST_DEVICE DEEPMD_ALWAYS_INLINE void chebyshev_of(double u, int terms, double* value, double* slope) {
  value[0] = 1;
  value[1] = u;
  for (int k = 2; k < terms; ++k) {
    const int a = (k + 1) / 2, b = k / 2;
    value[k] = 2 * value[a] * value[b] - value[a - b];
  }
  if (slope == nullptr) return;
  slope[0] = 0;
  slope[1] = 1;
  for (int k = 2; k < terms; ++k) {
    const int a = (k + 1) / 2, b = k / 2;
    slope[k] = 2 * (slope[a] * value[b] + value[a] * slope[b]) - slope[a - b];
  }
}

}  // namespace deepmd
