#pragma once

#include "math/host_device.h"

namespace deepmd {

/// The Chebyshev polynomials T_0 .. T_{terms - 1} at u, T_{k+1} = 2u T_k - T_{k-1}; `use(k, T_k)` takes each.
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

/// The same with the derivatives, T'_{k+1} = 2 T_k + 2u T'_k - T'_{k-1}; `use(k, T_k, dT_k/du)` takes each.
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

}  // namespace deepmd
