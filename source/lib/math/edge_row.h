#pragma once

#include "math/environment_row.h"

namespace deepmd {

/// Normalization of the columns in the rows of a center.
struct RowScale {
  double avg;
  double radial;   ///< 1 / std_radial
  double angular;  ///< 1 / std_angular
};

/// Computes the normalized row of an edge d with factors f: row [4] = [(s - avg)/std_radial, s d/r / std_angular].
DEEPMD_HOST_DEVICE DEEPMD_ALWAYS_INLINE void scaled_row(const EnvironmentFactors<double>& f, const double d[3],
                                                        const RowScale& scale, double* row) {
  row[0] = (f.s - scale.avg) * scale.radial;
  for (int a = 0; a < 3; ++a) row[1 + a] = f.w * d[a] * scale.angular;
}

/// Applies the transpose of the derivative of scaled_row with respect to d: row_grad [4] -> d_grad [3].
DEEPMD_HOST_DEVICE DEEPMD_ALWAYS_INLINE void scaled_row_grad(const EnvironmentFactors<double>& f, const double d[3],
                                                             const RowScale& scale, const double* row_grad,
                                                             double* d_grad) {
  const double g[3] = {row_grad[1] * scale.angular, row_grad[2] * scale.angular, row_grad[3] * scale.angular};
  const double along = d[0] * g[0] + d[1] * g[1] + d[2] * g[2];
  const double factor = f.radial * row_grad[0] * scale.radial + f.mixed * along;
  for (int a = 0; a < 3; ++a) d_grad[a] = f.w * g[a] + factor * d[a];
}

/// Computes row_tangent [4], the directional derivative of scaled_row along a change v [3] of d.
DEEPMD_HOST_DEVICE DEEPMD_ALWAYS_INLINE void scaled_row_tangent(const EnvironmentFactors<double>& f, const double d[3],
                                                                const RowScale& scale, const double* v,
                                                                double* row_tangent) {
  const double along = d[0] * v[0] + d[1] * v[1] + d[2] * v[2];
  row_tangent[0] = f.radial * along * scale.radial;
  for (int a = 0; a < 3; ++a) row_tangent[1 + a] = (f.w * v[a] + f.mixed * along * d[a]) * scale.angular;
}

}  // namespace deepmd
