// Included by variant.cc once for every instruction set, inside its namespace.

/// Number of rows of a table for which products with four other rows are summed in registers at once.
#if defined(__AVX512F__)
constexpr int kDotRows = 4;
#else
constexpr int kDotRows = 2;
#endif

/// Operands of the dot products between rows of c and the four rows of t, over some columns.
template <typename T>
struct Dots {
  const T* c;
  int64_t c_stride;
  const T* t;
  int64_t t_stride;
  int64_t columns;
};

/// sum[a, r] += c[r, m ..] t[a, m ..], for one vector of columns.
template <int Rows, typename T, typename V>
DEEPMD_ALWAYS_INLINE void add_dots(const Dots<T>& of, int64_t m, V sum[4][Rows]) {
  V value[Rows];
  for (int r = 0; r < Rows; ++r) value[r] = load<V>(of.c + r * of.c_stride + m);
  for (int a = 0; a < 4; ++a) {
    const V ta = load<V>(of.t + a * of.t_stride + m);
    for (int r = 0; r < Rows; ++r) sum[a][r] += value[r] * ta;
  }
}

/// Completes x[r][a] = sum_m c[r, m] t[a, m] from the sums over the columns before m; less than a vector remains.
template <int Rows, typename T, typename V>
DEEPMD_ALWAYS_INLINE void end_dots(const Dots<T>& of, int64_t m, const V sum[4][Rows], Quad* x) {
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
    if (m + half <= of.columns) {
      add_dots<Rows, T, H>(of, m, shorter);
      m += half;
    }
    end_dots<Rows, T, H>(of, m, shorter, x);
  } else {
    for (int r = 0; r < Rows; ++r) {
      x[r] = sum_lanes<T, V>(sum[0][r], sum[1][r], sum[2][r], sum[3][r]);
      for (int64_t rest = m; rest < of.columns; ++rest) {
        const double value = double(of.c[r * of.c_stride + rest]);
        for (int a = 0; a < 4; ++a) x[r][a] += value * double(of.t[a * of.t_stride + rest]);
      }
    }
  }
}

/// x[r][a] = sum_m c[r, m] t[a, m], for some rows of c.
template <int Rows, typename T>
DEEPMD_ALWAYS_INLINE void dot_products(const Dots<T>& of, Quad* x) {
  using V = typename Lanes<T>::type;
  V sum[4][Rows] = {};
  int64_t m = 0;
  for (; m + Lanes<T>::count <= of.columns; m += Lanes<T>::count) add_dots<Rows, T, V>(of, m, sum);
  end_dots<Rows, T, V>(of, m, sum, x);
}

/// Computes the coefficients y of the derivative of the series x: sum_k x_k T'_k = sum_k y_k T_k.
DEEPMD_ALWAYS_INLINE void differentiate(const Quad* x, int terms, Quad* y) {
  y[terms - 1] = Quad{};
  for (int k = terms - 1; k > 0; --k) y[k - 1] = (k + 1 < terms ? y[k + 1] : Quad{}) + x[k] * (2.0 * k);
  y[0] *= 0.5;
}

/// Computes rows_grad of the edges of a run from x [terms], the products of the table with t_grad.
template <int Terms>
DEEPMD_ALWAYS_INLINE void edges_of_run(const Contraction& shape, int64_t run, int count, const Quad* x,
                                       double* rows_grad) {
  const int terms = Terms > 0 ? Terms : count;
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

/// Number of columns of G that are stored at once.
constexpr int64_t kHeldColumns = 128;

/// g [2, kHeldColumns] = right c: the value and the derivative of G.
template <typename T>
struct ThinRows {
  const T (*right)[kMaxTerms];
  int terms;
  const T* c;
  int64_t columns;
  T* g;

  template <typename V, int N>
  DEEPMD_ALWAYS_INLINE void operator()(int64_t m) const {
    constexpr int lanes = sizeof(V) / sizeof(T);
    V sum[2][N] = {};
    for (int k = 0; k < terms; ++k) {
      for (int n = 0; n < N; ++n) {
        V value = load<V>(c + k * columns + m + n * lanes);
        hold(value);
        for (int r = 0; r < 2; ++r) sum[r][n] += right[r][k] * value;
      }
    }
    for (int r = 0; r < 2; ++r) {
      for (int n = 0; n < N; ++n) store(g + r * kHeldColumns + m + n * lanes, sum[r][n]);
    }
  }
};

/// Computes rows_grad of the only edge of a run from t_grad [4, columns] and the coefficients c [terms, columns].
template <typename T>
DEEPMD_ALWAYS_INLINE void edge_alone(const Contraction& shape, int64_t run, int terms, const T* t_grad, const T* c,
                                     double* rows_grad) {
  const Place at = place(shape, shape.run_cell[run]);
  const int64_t e = shape.run_edges[2 * run];
  const Quad row = load<Quad>(shape.rows + 4 * e);
  double value[kMaxTerms], slope[kMaxTerms];
  chebyshev_of((row[0] - at.start) * at.scale - 1, terms, value, slope);
  T right[2][kMaxTerms];
  for (int k = 0; k < terms; ++k) {
    right[0][k] = T(value[k]);
    right[1][k] = T(slope[k]);
  }
  Quad direct{}, along{};
  T g[2 * kHeldColumns];
  for (int64_t m = 0; m < shape.columns; m += kHeldColumns) {
    const int64_t count = shape.columns - m < kHeldColumns ? shape.columns - m : kHeldColumns;
    for_columns<T, Thin<T>::vectors(2)>(count, ThinRows<T>{right, terms, c + m, shape.columns, g});
    Quad x[2];
    dot_products<2>(Dots<T>{g, kHeldColumns, t_grad + m, shape.columns, count}, x);
    direct += x[0];
    along += x[1];
  }
  const Quad product = along * row;
  direct[0] += at.scale * ((product[0] + product[1]) + (product[2] + product[3]));
  store(rows_grad + 4 * e, direct);
}

template <typename T>
void to_rows(const Contraction& shape, const int32_t* runs, int64_t count, const T* t_grad, const T* table,
             double* rows_grad) {
  const int64_t columns = shape.columns;
  Quad x[kMaxTerms];
  for (int64_t visit = 0; visit < count; ++visit) {
    const int32_t run = runs[visit];
    const int terms = terms_of(shape, run);
    const T* c = table + int64_t(shape.run_cell[run]) * shape.terms * columns;
    const T* t = t_grad + int64_t(shape.run_center[run]) * 4 * columns;
    if (shape.run_edges[2 * run + 1] - shape.run_edges[2 * run] == 1) {
      edge_alone(shape, run, terms, t, c, rows_grad);
      continue;
    }
    int k = 0;
    for (; k + kDotRows <= terms; k += kDotRows) {
      dot_products<kDotRows>(Dots<T>{c + k * columns, columns, t, columns, columns}, x + k);
    }
    for (; k < terms; ++k) dot_products<1>(Dots<T>{c + k * columns, columns, t, columns, columns}, x + k);
    if (terms == 16) {
      edges_of_run<16>(shape, run, terms, x, rows_grad);
    } else if (terms == 12) {
      edges_of_run<12>(shape, run, terms, x, rows_grad);
    } else if (terms == 8) {
      edges_of_run<8>(shape, run, terms, x, rows_grad);
    } else {
      edges_of_run<0>(shape, run, terms, x, rows_grad);
    }
  }
}
