#pragma once

#include "math/environment_row.h"

namespace deepmd {

/// The numbers of one slot whose neighbor is at d, a distance r away: descrpt [kColumns], and descrpt_deriv
/// [kColumns][3] by the center's position. davg and dstd [kColumns] are the slot's.
template <int kColumns, typename T>
DEEPMD_HOST_DEVICE inline void normalized_slot(const double d[3], double r, double rcut_smth, double rcut,
                                               const T* davg, const T* dstd, T* descrpt, T* descrpt_deriv) {
  double row[kColumns], derivative[3 * kColumns];
  environment_row<kColumns>(d, r, rcut_smth, rcut, row, derivative);
  for (int a = 0; a < kColumns; ++a) {
    const double scale = 1.0 / double(dstd[a]);
    descrpt[a] = T((row[a] - double(davg[a])) * scale);
    for (int b = 0; b < 3; ++b) descrpt_deriv[3 * a + b] = T(-derivative[3 * a + b] * scale);
  }
}

/// One number of an empty slot's descrpt.
template <typename T>
DEEPMD_HOST_DEVICE inline T empty_slot(T davg, T dstd) {
  return -davg / dstd;
}

}  // namespace deepmd
