#pragma once

#include "deepmd/contraction.h"
#include "math/host_device.h"
#include "math/pair_place.h"

namespace deepmd {

/// Computes the coefficients e of factor d/dtheta (theta p(u)) = sum_q e_q T_q(u), for p = sum_q c_q T_q(u).
///
/// With theta = start + (u + 1) / scale this is p + (scale start + 1 + u) p', and u T_q = (T_{q+1} + T_{q-1}) / 2.
DEEPMD_HOST_DEVICE inline void slope_of_series(const double* c, int terms, const PairPlace& place, double factor,
                                               double* e) {
  double y[kMaxTerms + 1] = {};  // p' = sum_q y_q T_q
  for (int q = terms - 1; q > 0; --q) y[q - 1] = y[q + 1] + 2 * q * c[q];
  y[0] /= 2;
  const double shift = place.scale * place.start + 1;
  for (int q = 0; q < terms; ++q) {
    const double below = q == 0 ? 0 : q == 1 ? 2 * y[0] : y[q - 1];
    e[q] = factor * (c[q] + shift * y[q] + (below + y[q + 1]) / 2);
  }
}

/// Applies the transpose of slope_of_series with factor 1 to m [terms], in place.
DEEPMD_HOST_DEVICE inline void slope_transposed(int terms, const PairPlace& place, double* m) {
  const double shift = place.scale * place.start + 1;
  double z[kMaxTerms];  // adjoint of y in slope_of_series
  for (int q = 0; q < terms; ++q) {
    const double below = q == 0 ? 0 : m[q - 1], above = q + 1 < terms ? m[q + 1] : 0;
    z[q] = shift * m[q] + (q == 0 ? above : (below + above) / 2);
  }
  z[0] /= 2;
  z[terms - 1] = 0;
  for (int q = 1; q < terms; ++q) {
    m[q] += 2 * q * z[q - 1];
    if (q + 1 < terms) z[q + 1] += z[q - 1];
  }
}

}  // namespace deepmd
