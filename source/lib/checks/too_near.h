#pragma once

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <string>

#include "deepmd/error.h"
#include "deepmd/evaluate.h"
#include "math/smooth_weight.h"

namespace deepmd {

/// Two atoms that are nearer than a table reaches.
struct TooNear {
  int64_t frame;
  int64_t own, other;  ///< in the frame
  const double* vec;   ///< [3], from own to other, Å
};

inline std::string four_digits(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.4g", value);
  return text;
}

/// The distance (Å) at which the normalized radial column of a center is s.
template <typename T>
double distance_of(double s, int center_type, const TabulatedDescriptor<T>& descriptor) {
  const double weight = s * descriptor.std_radial[center_type] + descriptor.avg[center_type];
  double low = 0, high = descriptor.cutoff.rcut;  // the weight falls with the distance
  for (int step = 0; step < 60; ++step) {
    const double middle = 0.5 * (low + high);
    const bool nearer = smooth_weight(middle, descriptor.cutoff.rcut_smth, descriptor.cutoff.rcut).value < weight;
    (nearer ? high : low) = middle;
  }
  return high;
}

/// Throws InputError; `end` is where the last panel of the table ends.
template <typename T>
[[noreturn]] void throw_too_near(const TabulatedDescriptor<T>& descriptor, double end, int center_type,
                                 const TooNear& pair) {
  throw InputError(
      "frame " + std::to_string(pair.frame) + ": atoms " + std::to_string(pair.own) + " and " +
      std::to_string(pair.other) + " are " + four_digits(std::hypot(pair.vec[0], pair.vec[1], pair.vec[2])) +
      " Å apart, nearer than the model's table reaches (" + four_digits(distance_of(end, center_type, descriptor)) +
      " Å): are the coordinates in Å, and is the cell right?");
}

}  // namespace deepmd
