#pragma once

#include <cmath>
#include <cstdint>

#include "deepmd/pair_moments.h"
#include "math/host_device.h"
#include "math/pair_place.h"
#include "math/panels.h"

namespace deepmd {

/// Maximum square of the angular part of a row; rows with larger values are treated as not finite.
constexpr double kLargestTheta = 1e100;

/// Returns the panel of theta on its side of zero, the same as the vectorized loops.
DEEPMD_HOST_DEVICE inline int64_t panel_of_angle(double theta, const PairPanels& panels) {
  return panel_of(fabs(theta), Panels{0, panels.unit, panels.per_octave});
}

/// Returns the number of panels, numbered as in PairPanels, for rows with this largest square. Theta does not exceed
/// it, except for rounding.
inline int64_t count_pair_panels(double longest, const PairPanels& panels) {
  return 2 * (panel_of_angle(longest * (1 + 1e-9), panels) + 1);
}

/// Returns the interval of theta of a panel, numbered as in PairPanels.
DEEPMD_HOST_DEVICE inline Interval interval_of_angles(int panel, const PairPanels& panels) {
  const Interval outside = interval_of(panel / 2, Panels{0, panels.unit, panels.per_octave});
  return panel % 2 == 0 ? outside : Interval{-(outside.start + outside.width), outside.width};
}

DEEPMD_HOST_DEVICE inline PairPlace place_of(int panel, const PairPanels& panels) {
  const Interval at = interval_of_angles(panel, panels);
  return {at.start, 2 / at.width};
}

}  // namespace deepmd
