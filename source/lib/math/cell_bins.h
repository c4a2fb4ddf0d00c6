#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "math/cell.h"
#include "math/host_device.h"

namespace deepmd {

/// Maximum coordinate (Å); larger values do not have enough digits for distances between atoms.
constexpr double kMaxCoordinate = 1e12;
/// Maximum distance from the origin in cells; beyond it, the position inside the cell has lost half of its digits.
constexpr double kMaxCellsAway = 2147483648.0;
/// Margin in bins, so that rounding of a fractional coordinate does not exclude a bin.
constexpr double kBinMargin = 1e-6;

/// Returns true if a coordinate is finite and has enough digits for distances between atoms.
DEEPMD_HOST_DEVICE inline bool usable_coordinate(double x) { return std::abs(x) < kMaxCoordinate; }

/// Wraps a position into the cell along the periodic axes and computes its fractional coordinates. Returns false if the
/// position is too far away along `axis`; frac[axis] is then its distance in cells.
DEEPMD_HOST_DEVICE inline bool wrap_position(const Cell& cell, const bool periodic[3], double position[3],
                                             double frac[3], int& axis) {
  // Two passes, because subtracting many cells has a rounding error.
  for (int pass = 0; pass < 2; ++pass) {
    for (int k = 0; k < 3; ++k) {
      frac[k] = fractional(cell, k, position);
      const double away = periodic[k] ? std::floor(frac[k]) : 0.0;
      axis = k;
      if (!(std::abs(away) < kMaxCellsAway)) return false;
      for (int a = 0; a < 3; ++a) position[a] -= away * cell.vectors[k][a];
    }
  }
  for (int k = 0; k < 3; ++k) frac[k] = fractional(cell, k, position);
  return true;
}

/// Returns the mean number of neighbors of a center for a uniform density of atoms in a fully periodic cell.
inline double expected_neighbors(const Cell& cell, int nall, double rcut) {
  const double volume = cell.height[0] * cell.height[1] * cell.height[2];
  return nall * (4.0 / 3.0) * M_PI * rcut * rcut * rcut / volume;
}

/// Bins into which the atoms of a frame are sorted. They divide the cell evenly along its periodic axes, and the extent
/// of the atoms along open axes.
struct Bins {
  double origin[3];        ///< fractional coordinate of the first bin of an axis
  double per_fraction[3];  ///< bins per unit of the fractional coordinate
  double reach[3];         ///< the cutoff in bins
  int64_t count[3];
};

/// Returns the maximum number of bins of a frame. For sparse atoms, many more bins than atoms only cost time.
DEEPMD_HOST_DEVICE inline int64_t max_bins(int nall) { return 4 * int64_t(nall) + 8; }

/// Chooses the bins of a frame. `low` and `high` are the extent of the atoms in fractional coordinates; they are used
/// for open axes only.
DEEPMD_HOST_DEVICE inline Bins choose_bins(const Cell& cell, const bool periodic[3], int nall, const double low[3],
                                           const double high[3], double rcut) {
  Bins bins;
  double extent[3];
  for (int k = 0; k < 3; ++k) {
    const bool open = !periodic[k] && nall > 0;
    bins.origin[k] = open ? low[k] : 0.0;
    extent[k] = open ? high[k] - low[k] : 1.0;
  }
  // Bins of half the cutoff approximate the cutoff sphere well.
  const double limit = double(max_bins(nall));
  double count[3];
  for (double width = 0.5 * rcut;; width *= 1.25) {
    for (int k = 0; k < 3; ++k) {
      const double fitting = std::floor(extent[k] * cell.height[k] / width);
      count[k] = fitting < 1.0 ? 1.0 : fitting < limit ? fitting : limit;
    }
    if (count[0] * count[1] * count[2] <= limit) break;
  }
  for (int k = 0; k < 3; ++k) {
    bins.count[k] = int64_t(count[k]);
    // With one bin along an open axis the position does not matter, and an extent near zero has no reciprocal.
    bins.per_fraction[k] = periodic[k] || count[k] > 1 ? count[k] / extent[k] : 0.0;
    bins.reach[k] = rcut / cell.height[k] * bins.per_fraction[k] + kBinMargin;
  }
  return bins;
}

/// Returns the position of an atom along an axis, in bins.
DEEPMD_HOST_DEVICE inline double bin_place(const Bins& bins, int axis, double frac) {
  return (frac - bins.origin[axis]) * bins.per_fraction[axis];
}

/// Returns the bin of an atom at a position in bins.
DEEPMD_HOST_DEVICE inline int64_t bin_at(const Bins& bins, const double place[3]) {
  int64_t bin = 0;
  for (int k = 0; k < 3; ++k) {
    const int64_t along = int64_t(std::floor(place[k])), last = bins.count[k] - 1;
    bin = bin * bins.count[k] + (along < 0 ? 0 : along < last ? along : last);
  }
  return bin;
}

/// Bins [low, high] along an axis. Bins below 0 and above count - 1 belong to images of the cell.
struct BinRange {
  int64_t low;
  int64_t high;
};

/// Returns the bins along an axis that intersect a sphere of radius rcut around a position.
DEEPMD_HOST_DEVICE inline BinRange bins_in_reach(const Bins& bins, bool periodic, int axis, double place) {
  const double last = double(bins.count[axis] - 1);
  double low = std::floor(place - bins.reach[axis]);
  double high = std::floor(place + bins.reach[axis]);
  if (!periodic) {
    low = low < 0.0 ? 0.0 : low < last ? low : last;
    high = high < 0.0 ? 0.0 : high < last ? high : last;
  }
  return {int64_t(low), int64_t(high)};
}

/// Returns a / b for nonnegative integers; small ones are divided faster.
DEEPMD_HOST_DEVICE inline int64_t quotient(int64_t a, int64_t b) {
  return ((a | b) >> 31) == 0 ? int64_t(uint32_t(a) / uint32_t(b)) : a / b;
}

DEEPMD_HOST_DEVICE inline int64_t floor_div(int64_t a, int64_t b) {
  return a >= 0 ? quotient(a, b) : -quotient(-a + b - 1, b);
}

/// Computes the translation of an image of the cell, Å.
DEEPMD_HOST_DEVICE inline void image_shift(const Cell& cell, int64_t ix, int64_t iy, int64_t iz, double shift[3]) {
  for (int a = 0; a < 3; ++a) {
    shift[a] = double(ix) * cell.vectors[0][a] + double(iy) * cell.vectors[1][a] + double(iz) * cell.vectors[2][a];
  }
}

}  // namespace deepmd
