#pragma once

#include <cmath>

#include "deepmd/radial_cells.h"
#include "math/host_device.h"

namespace deepmd {

/// The panel of s; panels.per_octave is positive. There is none for an s that is not finite.
DEEPMD_HOST_DEVICE inline int panel_of(double s, const Panels& panels) {
  // Rounding may leave the lowest s a little below the first panel, to which it belongs.
  const double place = (s - panels.lowest) / panels.unit + 1, x = place > 1.0 ? place : 1.0;
  int exponent;
  const double mantissa = frexp(x, &exponent);  // in [0.5, 1)
  const int part = int((2 * mantissa - 1) * panels.per_octave), last = panels.per_octave - 1;
  return (exponent - 1) * panels.per_octave + (part < last ? part : last);
}

/// A piece of the axis of s.
struct Interval {
  double start;
  double width;
};

/// Where a panel lies.
DEEPMD_HOST_DEVICE inline Interval interval_of(int panel, const Panels& panels) {
  const double width = ldexp(panels.unit, panel / panels.per_octave) / panels.per_octave;
  return {panels.lowest - panels.unit + width * (panels.per_octave + panel % panels.per_octave), width};
}

DEEPMD_HOST_DEVICE inline int64_t count_codes(const Codes& codes) {
  return int64_t(codes.ntypes) * (codes.one_side ? 1 : codes.ntypes);
}

DEEPMD_HOST_DEVICE inline int code_of(int center_type, int neighbor_type, const Codes& codes) {
  return codes.one_side ? neighbor_type : center_type * codes.ntypes + neighbor_type;
}

DEEPMD_HOST_DEVICE inline bool interacts(int center_type, int neighbor_type, const Codes& codes) {
  return codes.interacting == nullptr || codes.interacting[center_type * codes.ntypes + neighbor_type];
}

}  // namespace deepmd
