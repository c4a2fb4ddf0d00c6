#pragma once

#include <cmath>

#include "math/host_device.h"

namespace deepmd {

/// Three cell vectors as rows, with derived quantities.
struct Cell {
  double vectors[3][3];     ///< Å
  double reciprocal[3][3];  ///< columns g_k with vectors[l] . g_k = delta_lk, 1/Å
  double height[3];         ///< distance between the two faces that axis k connects, Å
};

DEEPMD_HOST_DEVICE inline double dot(const double a[3], const double b[3]) {
  return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

DEEPMD_HOST_DEVICE inline void cross(const double a[3], const double b[3], double out[3]) {
  out[0] = a[1] * b[2] - a[2] * b[1];
  out[1] = a[2] * b[0] - a[0] * b[2];
  out[2] = a[0] * b[1] - a[1] * b[0];
}

inline double norm(const double a[3]) { return std::hypot(a[0], a[1], a[2]); }

/// Returns a fractional coordinate, position . g_k.
DEEPMD_HOST_DEVICE inline double fractional(const Cell& cell, int k, const double position[3]) {
  return position[0] * cell.reciprocal[0][k] + position[1] * cell.reciprocal[1][k] +
         position[2] * cell.reciprocal[2][k];
}

/// Writes to `out` a unit vector orthogonal to the unit vector a.
inline void orthogonal_unit(const double a[3], double out[3]) {
  int smallest = 0;
  for (int k = 1; k < 3; ++k) {
    if (std::abs(a[k]) < std::abs(a[smallest])) smallest = k;
  }
  double axis[3] = {0, 0, 0};
  axis[smallest] = 1;
  cross(a, axis, out);
  const double length = norm(out);
  for (int k = 0; k < 3; ++k) out[k] /= length;
}

/// Replaces the vectors of open axes with unit vectors orthogonal to all other axes. Results do not depend on these
/// vectors, and they may be zero in the input.
inline void complete_axes(const bool periodic[3], double vectors[3][3]) {
  const int count = int(periodic[0]) + int(periodic[1]) + int(periodic[2]);
  if (count == 3) return;
  if (count == 0) {
    for (int k = 0; k < 3; ++k) {
      for (int a = 0; a < 3; ++a) vectors[k][a] = k == a;
    }
    return;
  }
  const int odd = count == 1 ? (periodic[0] ? 0 : periodic[1] ? 1 : 2) : (!periodic[0] ? 0 : !periodic[1] ? 1 : 2);
  double* one = vectors[(odd + 1) % 3];
  double* two = vectors[(odd + 2) % 3];
  if (count == 1) {
    double unit[3];
    const double length = norm(vectors[odd]);
    for (int k = 0; k < 3; ++k) unit[k] = vectors[odd][k] / length;
    orthogonal_unit(unit, one);
    cross(unit, one, two);
  } else {
    cross(one, two, vectors[odd]);
    const double length = norm(vectors[odd]);
    for (int k = 0; k < 3; ++k) vectors[odd][k] /= length;
  }
}

/// Computes the derived quantities from the vectors. Returns false if the volume is zero (to rounding, relative to the
/// lengths of the vectors) or a component is not finite.
inline bool finish_cell(Cell& cell) {
  double normal[3][3];
  for (int k = 0; k < 3; ++k) cross(cell.vectors[(k + 1) % 3], cell.vectors[(k + 2) % 3], normal[k]);
  const double volume = dot(cell.vectors[0], normal[0]);
  const double size = norm(cell.vectors[0]) * norm(cell.vectors[1]) * norm(cell.vectors[2]);
  if (!(std::abs(volume) > 1e-10 * size) || !std::isfinite(size) || !std::isfinite(1 / volume)) return false;
  for (int k = 0; k < 3; ++k) {
    for (int a = 0; a < 3; ++a) cell.reciprocal[a][k] = normal[k][a] / volume;
    cell.height[k] = std::abs(volume) / norm(normal[k]);
    if (!std::isfinite(cell.height[k]) || !(cell.height[k] > 0)) return false;  // products of lengths may overflow
    for (int a = 0; a < 3; ++a) {
      if (!std::isfinite(cell.reciprocal[a][k])) return false;
    }
  }
  return true;
}

}  // namespace deepmd
