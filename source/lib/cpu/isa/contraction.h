// Included by variant.cc once for every instruction set, inside its namespace.

/// A vector of the processor's registers.
#if defined(__AVX512F__)
constexpr int kVectorBytes = 64;
#elif defined(__AVX2__)
constexpr int kVectorBytes = 32;
#else
constexpr int kVectorBytes = 16;
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

/// Calls body with the number of vectors and the first column, until all columns are done: two vectors at a time, which
/// share what they are multiplied with, then one, then single numbers.
template <typename T, typename Body>
DEEPMD_ALWAYS_INLINE void for_columns(int64_t columns, Body body) {
  using V = typename Lanes<T>::type;
  constexpr int count = Lanes<T>::count;
  int64_t m = 0;
  for (; m + 2 * count <= columns; m += 2 * count) body.template operator()<V, 2>(m);
  for (; m + count <= columns; m += count) body.template operator()<V, 1>(m);
  for (; m < columns; ++m) body.template operator()<T, 1>(m);
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

/// x[a] = sum_m c[m] t[a, m] for two rows of c.
template <typename T>
DEEPMD_ALWAYS_INLINE void dot_products(const T* c, int64_t columns, const T* t, Quad& x0, Quad& x1) {
  using V = typename Lanes<T>::type;
  V sum[4][2] = {};
  int64_t m = 0;
  for (; m + Lanes<T>::count <= columns; m += Lanes<T>::count) {
    const V c0 = load<V>(c + m), c1 = load<V>(c + columns + m);
    for (int a = 0; a < 4; ++a) {
      const V ta = load<V>(t + a * columns + m);
      sum[a][0] += c0 * ta;
      sum[a][1] += c1 * ta;
    }
  }
  for (int a = 0; a < 4; ++a) {
    double whole[2] = {0, 0};
    for (int lane = 0; lane < Lanes<T>::count; ++lane) {
      whole[0] += sum[a][0][lane];
      whole[1] += sum[a][1][lane];
    }
    for (int64_t rest = m; rest < columns; ++rest) {
      whole[0] += double(c[rest]) * t[a * columns + rest];
      whole[1] += double(c[columns + rest]) * t[a * columns + rest];
    }
    x0[a] = whole[0];
    x1[a] = whole[1];
  }
}

/// rows_grad of the edges of a run from x [terms], the products of the table with t_grad.
template <int Terms>
DEEPMD_ALWAYS_INLINE void edges_of_run(const Contraction& shape, int64_t run, const Quad* x, double* rows_grad) {
  const int terms = Terms > 0 ? Terms : shape.terms;
  const Place at = place(shape, shape.run_cell[run]);
  for (int64_t e = shape.run_edges[2 * run]; e < shape.run_edges[2 * run + 1]; ++e) {
    const Quad row = load<Quad>(shape.rows + 4 * e);
    Quad direct{}, along{};
    chebyshev_derivative((row[0] - at.start) * at.scale - 1, terms, [&](int k, double value, double slope) {
      direct += x[k] * value;
      along += x[k] * slope;
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
    for (int k = 0; k < shape.terms; k += 2) {
      const int first = k + 1 < shape.terms ? k : k - 1;  // the last of an odd number goes with the one before it
      dot_products(c + first * columns, columns, t_grad, x[first], x[first + 1]);
    }
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
