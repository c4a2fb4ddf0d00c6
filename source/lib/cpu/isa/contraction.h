// Included by variant.cc once for every instruction set, inside its namespace.

/// A vector of the processor's registers.
#if defined(__AVX512F__)
constexpr int kVectorBytes = 64;
#elif defined(__AVX2__)
constexpr int kVectorBytes = 32;
#else
constexpr int kVectorBytes = 16;
#endif

/// Rows of a table whose products with four others are summed in registers at once.
#if defined(__AVX512F__)
constexpr int kDotRows = 4;
#else
constexpr int kDotRows = 2;
#endif

template <typename T>
struct Lanes {
  typedef T type __attribute__((vector_size(kVectorBytes)));
  static constexpr int count = kVectorBytes / sizeof(T);
};

// Four doubles: a column of R, T and so on for the four components of a row.
typedef double Quad __attribute__((vector_size(32)));

template <typename V, typename T>
DEEPMD_ALWAYS_INLINE V load(const T* from) {
  V value;
  __builtin_memcpy(&value, from, sizeof(V));
  return value;
}

template <typename V, typename T>
DEEPMD_ALWAYS_INLINE void store(T* to, V value) {
  __builtin_memcpy(to, &value, sizeof(V));
}

struct Place {
  double start, scale;  // u = (s - start) scale - 1
};

DEEPMD_ALWAYS_INLINE Place place(const Contraction& shape, int32_t cell) {
  return {shape.start[cell], 2 / shape.width[cell]};
}

/// Moments [terms] of a run: sum_j R_j T_k(u_j); with v their change, v_j T_k(u_j) + R_j T'_k(u_j) du_j.
/// `Terms` is their number where the compiler shall know it, or 0.
template <int Terms>
DEEPMD_ALWAYS_INLINE void moments(const Contraction& shape, int64_t run, const double* v, Quad* out) {
  const int terms = Terms > 0 ? Terms : shape.terms;
  const Place at = place(shape, shape.run_cell[run]);
  Quad sums[Terms > 0 ? Terms : kMaxTerms];
  for (int k = 0; k < terms; ++k) sums[k] = Quad{};
  for (int64_t e = shape.run_edges[2 * run]; e < shape.run_edges[2 * run + 1]; ++e) {
    const Quad row = load<Quad>(shape.rows + 4 * e);
    const double u = (row[0] - at.start) * at.scale - 1;
    if (v == nullptr) {
      chebyshev(u, terms, [&](int k, double value) { sums[k] += row * value; });
    } else {
      const Quad change = load<Quad>(v + 4 * e);
      const Quad sliding = row * (change[0] * at.scale);
      chebyshev_derivative(u, terms,
                           [&](int k, double value, double slope) { sums[k] += change * value + sliding * slope; });
    }
  }
  for (int k = 0; k < terms; ++k) out[k] = sums[k];
}

/// Moments as rows [4][terms] of the products' type.
template <typename T>
DEEPMD_ALWAYS_INLINE void moments(const Contraction& shape, int64_t run, const double* v, T s[4][kMaxTerms]) {
  Quad sums[kMaxTerms];
  if (shape.terms == 16) {
    moments<16>(shape, run, v, sums);
  } else {
    moments<0>(shape, run, v, sums);
  }
  for (int k = 0; k < shape.terms; ++k) {
    for (int a = 0; a < 4; ++a) s[a][k] = T(sums[k][a]);
  }
}

/// A vector of half the length.
template <typename T, typename V>
struct Half {
  static constexpr int count = sizeof(V) / sizeof(T) / 2;
  typedef T type __attribute__((vector_size(sizeof(V) / 2)));
};

/// Calls body for what is less than a vector V: half of it, a quarter, then single numbers.
template <typename T, typename V, typename Body>
DEEPMD_ALWAYS_INLINE void for_last_columns(int64_t m, int64_t columns, Body body) {
  constexpr int half = Half<T, V>::count;
  if constexpr (half > 1) {
    using H = typename Half<T, V>::type;
    if (m + half <= columns) {
      body.template operator()<H, 1>(m);
      m += half;
    }
    for_last_columns<T, H>(m, columns, body);
  } else {
    if (m < columns) body.template operator()<T, 1>(m);
  }
}

/// Calls body with the number of vectors and the first column, until all columns are done: two vectors at a time, which
/// share what they are multiplied with, then one, then shorter ones.
template <typename T, typename Body>
DEEPMD_ALWAYS_INLINE void for_columns(int64_t columns, Body body) {
  using V = typename Lanes<T>::type;
  constexpr int count = Lanes<T>::count;
  int64_t m = 0;
  for (; m + 2 * count <= columns; m += 2 * count) body.template operator()<V, 2>(m);
  for (; m + count <= columns; m += count) body.template operator()<V, 1>(m);
  for_last_columns<T, V>(m, columns, body);
}

/// t [4, columns] += s [4, terms] c [terms, columns], for `Unroll` of the terms.
template <int Unroll, typename T>
struct AddProduct {
  const T (*s)[kMaxTerms];
  const T* c;
  int64_t columns;
  T* t;

  template <typename V, int N>
  DEEPMD_ALWAYS_INLINE void operator()(int64_t m) const {
    constexpr int lanes = sizeof(V) / sizeof(T);
    V sum[4][N];
    for (int a = 0; a < 4; ++a) {
      for (int n = 0; n < N; ++n) sum[a][n] = load<V>(t + a * columns + m + n * lanes);
    }
    for (int q = 0; q < Unroll; ++q) {
      V value[N];
      for (int n = 0; n < N; ++n) value[n] = load<V>(c + q * columns + m + n * lanes);
      for (int a = 0; a < 4; ++a) {
        for (int n = 0; n < N; ++n) sum[a][n] += s[a][q] * value[n];
      }
    }
    for (int a = 0; a < 4; ++a) {
      for (int n = 0; n < N; ++n) store(t + a * columns + m + n * lanes, sum[a][n]);
    }
  }
};

/// c [terms, columns] += s^T t, for `Unroll` of the terms.
template <int Unroll, typename T>
struct AddOuterProduct {
  const T (*s)[kMaxTerms];
  const T* t;
  int64_t columns;
  T* c;

  template <typename V, int N>
  DEEPMD_ALWAYS_INLINE void operator()(int64_t m) const {
    constexpr int lanes = sizeof(V) / sizeof(T);
    V value[4][N];
    for (int a = 0; a < 4; ++a) {
      for (int n = 0; n < N; ++n) value[a][n] = load<V>(t + a * columns + m + n * lanes);
    }
    for (int q = 0; q < Unroll; ++q) {
      V sum[N];
      for (int n = 0; n < N; ++n) sum[n] = load<V>(c + q * columns + m + n * lanes);
      for (int a = 0; a < 4; ++a) {
        for (int n = 0; n < N; ++n) sum[n] += s[a][q] * value[a][n];
      }
      for (int n = 0; n < N; ++n) store(c + q * columns + m + n * lanes, sum[n]);
    }
  }
};

/// s shifted by k terms.
template <typename T>
DEEPMD_ALWAYS_INLINE const T (*from(const T s[4][kMaxTerms], int k))
    [kMaxTerms] { return reinterpret_cast<const T(*)[kMaxTerms]>(&s[0][k]); }

template <typename T>
void forward(const Contraction& shape, int64_t begin, int64_t end, const double* v, const T* table, T* t) {
  const int64_t columns = shape.columns;
  T s[4][kMaxTerms];
  for (int64_t run = begin; run < end; ++run) {
    moments(shape, run, v, s);
    const T* c = table + int64_t(shape.run_cell[run]) * shape.terms * columns;
    int k = 0;
    for (; k + 4 <= shape.terms; k += 4) {
      for_columns<T>(columns, AddProduct<4, T>{from(s, k), c + k * columns, columns, t});
    }
    for (; k < shape.terms; ++k) for_columns<T>(columns, AddProduct<1, T>{from(s, k), c + k * columns, columns, t});
  }
}

/// The sums over the lanes of four vectors.
template <typename T, typename V>
DEEPMD_ALWAYS_INLINE Quad sum_lanes(const V& v0, const V& v1, const V& v2, const V& v3) {
  constexpr int count = sizeof(V) / sizeof(T);
  if constexpr (count > 4) {
    using H = typename Half<T, V>::type;
    const auto folded = [](const V& v) {
      H halves[2];
      __builtin_memcpy(halves, &v, sizeof(V));
      return H(halves[0] + halves[1]);
    };
    return sum_lanes<T, H>(folded(v0), folded(v1), folded(v2), folded(v3));
  } else if constexpr (count == 4) {
    const V u0 = __builtin_shufflevector(v0, v1, 0, 4, 2, 6) + __builtin_shufflevector(v0, v1, 1, 5, 3, 7);
    const V u1 = __builtin_shufflevector(v2, v3, 0, 4, 2, 6) + __builtin_shufflevector(v2, v3, 1, 5, 3, 7);
    const V sums = __builtin_shufflevector(u0, u1, 0, 1, 4, 5) + __builtin_shufflevector(u0, u1, 2, 3, 6, 7);
    return __builtin_convertvector(sums, Quad);
  } else {
    return Quad{double(v0[0] + v0[1]), double(v1[0] + v1[1]), double(v2[0] + v2[1]), double(v3[0] + v3[1])};
  }
}

/// sum[a, r] += c[r, m ..] t[a, m ..], a vector long.
template <int Rows, typename T, typename V>
DEEPMD_ALWAYS_INLINE void add_dots(const T* c, const T* t, int64_t columns, int64_t m, V sum[4][Rows]) {
  V value[Rows];
  for (int r = 0; r < Rows; ++r) value[r] = load<V>(c + r * columns + m);
  for (int a = 0; a < 4; ++a) {
    const V ta = load<V>(t + a * columns + m);
    for (int r = 0; r < Rows; ++r) sum[a][r] += value[r] * ta;
  }
}

/// Ends x[r][a] = sum_m c[r, m] t[a, m] from sums of all before column m, which is less than a vector from the end.
template <int Rows, typename T, typename V>
DEEPMD_ALWAYS_INLINE void end_dots(const T* c, const T* t, int64_t columns, int64_t m, const V sum[4][Rows], Quad* x) {
  constexpr int half = Half<T, V>::count;
  if constexpr (half >= 4) {
    using H = typename Half<T, V>::type;
    H shorter[4][Rows];
    for (int a = 0; a < 4; ++a) {
      for (int r = 0; r < Rows; ++r) {
        H halves[2];
        __builtin_memcpy(halves, &sum[a][r], sizeof(V));
        shorter[a][r] = halves[0] + halves[1];
      }
    }
    if (m + half <= columns) {
      add_dots<Rows, T, H>(c, t, columns, m, shorter);
      m += half;
    }
    end_dots<Rows, T, H>(c, t, columns, m, shorter, x);
  } else {
    for (int r = 0; r < Rows; ++r) {
      x[r] = sum_lanes<T, V>(sum[0][r], sum[1][r], sum[2][r], sum[3][r]);
      for (int64_t rest = m; rest < columns; ++rest) {
        for (int a = 0; a < 4; ++a) x[r][a] += double(c[r * columns + rest]) * double(t[a * columns + rest]);
      }
    }
  }
}

/// x[r][a] = sum_m c[r, m] t[a, m] for some rows of c.
template <int Rows, typename T>
DEEPMD_ALWAYS_INLINE void dot_products(const T* c, int64_t columns, const T* t, Quad* x) {
  using V = typename Lanes<T>::type;
  V sum[4][Rows] = {};
  int64_t m = 0;
  for (; m + Lanes<T>::count <= columns; m += Lanes<T>::count) add_dots<Rows, T, V>(c, t, columns, m, sum);
  end_dots<Rows, T, V>(c, t, columns, m, sum, x);
}

/// Coefficients y of the derivative of the series x: sum_k x_k T'_k = sum_k y_k T_k.
DEEPMD_ALWAYS_INLINE void differentiate(const Quad* x, int terms, Quad* y) {
  y[terms - 1] = Quad{};
  for (int k = terms - 1; k > 0; --k) y[k - 1] = (k + 1 < terms ? y[k + 1] : Quad{}) + x[k] * (2.0 * k);
  y[0] *= 0.5;
}

/// rows_grad of the edges of a run from x [terms], the products of the table with t_grad.
template <int Terms>
DEEPMD_ALWAYS_INLINE void edges_of_run(const Contraction& shape, int64_t run, const Quad* x, double* rows_grad) {
  const int terms = Terms > 0 ? Terms : shape.terms;
  const Place at = place(shape, shape.run_cell[run]);
  Quad y[kMaxTerms];
  differentiate(x, terms, y);
  for (int64_t e = shape.run_edges[2 * run]; e < shape.run_edges[2 * run + 1]; ++e) {
    const Quad row = load<Quad>(shape.rows + 4 * e);
    Quad direct{}, along{};
    chebyshev((row[0] - at.start) * at.scale - 1, terms, [&](int k, double value) {
      direct += x[k] * value;
      along += y[k] * value;
    });
    const Quad product = along * row;
    direct[0] += at.scale * ((product[0] + product[1]) + (product[2] + product[3]));
    store(rows_grad + 4 * e, direct);
  }
}

template <typename T>
void to_rows(const Contraction& shape, int64_t begin, int64_t end, const T* t_grad, const T* table, double* rows_grad) {
  const int64_t columns = shape.columns;
  Quad x[kMaxTerms];
  for (int64_t run = begin; run < end; ++run) {
    const T* c = table + int64_t(shape.run_cell[run]) * shape.terms * columns;
    int k = 0;
    for (; k + kDotRows <= shape.terms; k += kDotRows) dot_products<kDotRows>(c + k * columns, columns, t_grad, x + k);
    for (; k < shape.terms; ++k) dot_products<1>(c + k * columns, columns, t_grad, x + k);
    if (shape.terms == 16) {
      edges_of_run<16>(shape, run, x, rows_grad);
    } else {
      edges_of_run<0>(shape, run, x, rows_grad);
    }
  }
}

template <typename T>
void to_table(const Contraction& shape, int64_t begin, int64_t end, const double* v, const T* t_grad, T* table_grad) {
  const int64_t columns = shape.columns;
  T s[4][kMaxTerms];
  for (int64_t visit = begin; visit < end; ++visit) {
    const int32_t run = shape.cell_runs[visit];
    moments(shape, run, v, s);
    const T* t = t_grad + int64_t(shape.run_centre[run]) * 4 * columns;
    int k = 0;
    for (; k + 4 <= shape.terms; k += 4) {
      for_columns<T>(columns, AddOuterProduct<4, T>{from(s, k), t, columns, table_grad + k * columns});
    }
    for (; k < shape.terms; ++k) {
      for_columns<T>(columns, AddOuterProduct<1, T>{from(s, k), t, columns, table_grad + k * columns});
    }
  }
}
