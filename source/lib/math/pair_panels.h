#pragma once

#include <cmath>
#include <cstdint>

#include "deepmd/pair_moments.h"
#include "math/host_device.h"
#include "math/pair_place.h"
#include "math/panels.h"

namespace deepmd {

/// The square of a row's angular part beyond which it counts as not finite.
constexpr double kLargestTheta = 1e100;

/// The panel of theta on its side of zero; as the loops for vectors find it.
DEEPMD_HOST_DEVICE inline int64_t panel_of_angle(double theta, const PairPanels& panels) {
  return panel_of(fabs(theta), Panels{0, panels.unit, panels.per_octave});
}

/// How many panels, numbered as in PairPanels, there are for rows of which the longest has this square. No theta is
/// larger than that, but for rounding.
inline int64_t count_pair_panels(double longest, const PairPanels& panels) {
  return 2 * (panel_of_angle(longest * (1 + 1e-9), panels) + 1);
}

/// What a panel, numbered as in PairPanels, spans in theta.
DEEPMD_HOST_DEVICE inline Interval interval_of_angles(int panel, const PairPanels& panels) {
  const Interval outside = interval_of(panel / 2, Panels{0, panels.unit, panels.per_octave});
  return panel % 2 == 0 ? outside : Interval{-(outside.start + outside.width), outside.width};
}

DEEPMD_HOST_DEVICE inline PairPlace place_of(int panel, const PairPanels& panels) {
  const Interval at = interval_of_angles(panel, panels);
  return {at.start, 2 / at.width};
}

}  // namespace deepmd
