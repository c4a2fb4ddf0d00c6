// Included by variant.cc once for every instruction set, inside its namespace.

/// d [columns, axis] = t^T t[:, :axis] of t [4, columns].
template <typename T>
void square(int64_t columns, int64_t axis, const T* t, T* d) {
  for (int64_t m = 0; m < columns; ++m) {
    T* row = d + m * axis;
    for (int64_t a = 0; a < axis; ++a) {
      T sum = t[m] * t[a];
      for (int c = 1; c < 4; ++c) sum += t[c * columns + m] * t[c * columns + a];
      row[a] = sum;
    }
  }
}

/// The transpose of its derivative: d_grad [columns, axis] -> t_grad [4, columns].
template <typename T>
void square_grad(int64_t columns, int64_t axis, const T* t, const T* d_grad, T* t_grad) {
  for (int64_t k = 0; k < 4 * columns; ++k) t_grad[k] = 0;
  for (int64_t m = 0; m < columns; ++m) {
    const T* row = d_grad + m * axis;
    for (int c = 0; c < 4; ++c) {
      const T* from = t + c * columns;
      T* to = t_grad + c * columns;
      const T own = from[m];
      T sum = 0;
      for (int64_t a = 0; a < axis; ++a) {
        sum += row[a] * from[a];
        to[a] += row[a] * own;
      }
      to[m] += sum;
    }
  }
}
