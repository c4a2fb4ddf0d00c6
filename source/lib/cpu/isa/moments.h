// Included by variant.cc once for every instruction set, inside its namespace.

struct Place {
  double start, scale;  // u = (s - start) scale - 1
};

DEEPMD_ALWAYS_INLINE Place place(const Contraction& shape, int32_t cell) {
  return {shape.start[cell], 2 / shape.width[cell]};
}

/// Returns the number of terms of the cell of a run that are not negligible.
DEEPMD_ALWAYS_INLINE int terms_of(const Contraction& shape, int64_t run) {
  const int terms = shape.cell_terms == nullptr ? 0 : shape.cell_terms[shape.run_cell[run]];
  return terms > 0 && terms < shape.terms ? terms : shape.terms;
}

/// Computes the moments [terms] of a run, sum_j R_j T_k(u_j), or with v their change, sum_j v_j T_k(u_j) +
/// R_j T'_k(u_j) du_j. `Terms` is the number of terms if it is known at compile time, or 0.
template <int Terms>
DEEPMD_ALWAYS_INLINE void moments(const Contraction& shape, int64_t run, int count, const double* v, Quad* out) {
  const int terms = Terms > 0 ? Terms : count;
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

/// Computes moments as rows [4][terms] in the type of the products.
template <typename T>
DEEPMD_ALWAYS_INLINE void moments(const Contraction& shape, int64_t run, int terms, const double* v,
                                  T s[4][kMaxTerms]) {
  Quad sums[kMaxTerms];
  if (terms == 16) {
    moments<16>(shape, run, terms, v, sums);
  } else if (terms == 12) {
    moments<12>(shape, run, terms, v, sums);
  } else if (terms == 8) {
    moments<8>(shape, run, terms, v, sums);
  } else {
    moments<0>(shape, run, terms, v, sums);
  }
  for (int k = 0; k < terms; ++k) {
    for (int a = 0; a < 4; ++a) s[a][k] = T(sums[k][a]);
  }
}

/// Moments of few edges as a product S = left^T right of thin matrices, which needs fewer multiplications. A row of
/// `left` is the row of an edge, and a row of `right` has its polynomials. With v there are two rows per edge.
template <typename T>
struct Thin {
  static constexpr int kMax = 3;
  /// Number of vectors of columns that are summed together, enough to hide the latency of additions.
  static constexpr int vectors(int rank) { return 6 / rank; }
  T left[kMax][4];
  T right[kMax][kMaxTerms];
};

/// Returns the number of rows of the thin product for a run, or 0 if the moments themselves are faster.
DEEPMD_ALWAYS_INLINE int thin_rank(const Contraction& shape, int64_t run, const double* v) {
  const int64_t rank = (shape.run_edges[2 * run + 1] - shape.run_edges[2 * run]) * (v == nullptr ? 1 : 2);
  return rank <= Thin<double>::kMax ? int(rank) : 0;
}

template <typename T>
DEEPMD_ALWAYS_INLINE void factorize(const Contraction& shape, int64_t run, int terms, const double* v, Thin<T>& thin) {
  const Place at = place(shape, shape.run_cell[run]);
  double value[kMaxTerms], slope[kMaxTerms];
  int r = 0;
  for (int64_t e = shape.run_edges[2 * run]; e < shape.run_edges[2 * run + 1]; ++e) {
    const double* row = shape.rows + 4 * e;
    const double* direct = v == nullptr ? row : v + 4 * e;
    chebyshev_of((row[0] - at.start) * at.scale - 1, terms, value, v == nullptr ? nullptr : slope);
    for (int a = 0; a < 4; ++a) thin.left[r][a] = T(direct[a]);
    for (int k = 0; k < terms; ++k) thin.right[r][k] = T(value[k]);
    ++r;
    if (v == nullptr) continue;
    for (int a = 0; a < 4; ++a) thin.left[r][a] = T(row[a] * (direct[0] * at.scale));
    for (int k = 0; k < terms; ++k) thin.right[r][k] = T(slope[k]);
    ++r;
  }
}
