#pragma once

#include <cstdint>

namespace deepmd {

/// c [m, n] = a b, or c += a b, where the columns are centers, which go through a net side by side.
///
/// a is used once for every few columns and so is taken where it lies, in rows or in columns; b and c have rows of one
/// length, and their columns are computed in whole vectors: the columns up to `padded(n)` exist.
template <typename T>
struct ColumnProduct {
  int64_t m, n, k;
  const T* a;
  int64_t a_row, a_term;  ///< a[i, k] is a[i * a_row + k * a_term]
  const T* b;             ///< [k, stride]
  T* c;                   ///< [m, stride]
  int64_t stride;
  bool accumulate;
};

/// Numbers in the longest vector of any processor.
constexpr int64_t kMaxLanes = 16;

/// n up to a multiple of the length of every processor's vectors.
inline int64_t padded(int64_t n) { return (n + kMaxLanes - 1) / kMaxLanes * kMaxLanes; }

/// The square t^T t[:, :axis] of t [4, columns] holds the products (m, a) and (a, m) of its first columns twice; packed
/// it has them once: row m holds a = 0 .. min(m, axis - 1).
struct PackedSquare {
  int64_t columns;
  int64_t axis;

  int64_t triangle() const { return axis * (axis + 1) / 2; }
  int64_t width() const { return triangle() + (columns - axis) * axis; }
  /// Where row m begins.
  int64_t row(int64_t m) const { return m < axis ? m * (m + 1) / 2 : triangle() + (m - axis) * axis; }
};

}  // namespace deepmd
