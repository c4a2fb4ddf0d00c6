// Included by variant.cc once for every instruction set, inside its namespace; uses vectors.h.

typedef Lanes<double>::type Doubles;
typedef uint64_t Words __attribute__((vector_size(kVectorBytes)));
typedef int32_t Ints __attribute__((vector_size(kVectorBytes / 2)));
constexpr int kDoubles = Lanes<double>::count;

/// Returns the first `count` lanes of a vector, with `other` in the remaining lanes.
DEEPMD_ALWAYS_INLINE Doubles first_lanes(Doubles value, int64_t count, double other) {
  if (count >= kDoubles) return value;
  Words number;
  for (int n = 0; n < kDoubles; ++n) number[n] = n;
  return number < uint64_t(count) ? value : Doubles{} + other;
}

/// Returns the panel of each theta (see PairPanels): the exponent and leading bits of |theta| / unit + 1, and the sign.
DEEPMD_ALWAYS_INLINE Ints panels_of(Doubles theta, double inverse_unit, int octave_bits) {
  const Words bits = load<Words>(&theta);
  const Words magnitude = bits & (~uint64_t(0) >> 1);
  const Doubles x = load<Doubles>(&magnitude) * inverse_unit + 1.0;
  const Words panel = (load<Words>(&x) >> (52 - octave_bits)) - (uint64_t(1023) << octave_bits);
  return __builtin_convertvector((panel << 1) + (bits >> 63), Ints);
}

/// Computes theta of every pair of a chunk, and the number of its code and panel.
void pair_angles(const PairChunk& chunk, double* theta, int32_t* bin) {
  const double* const* a = chunk.a;
  for (int64_t r = 0; r < chunk.nrows; ++r) {
    const PairRow row = chunk.rows[r];
    const double ax = a[0][row.j], ay = a[1][row.j], az = a[2][row.j];
    for (int64_t k = row.begin; k < row.end; k += kDoubles) {
      const Doubles value = load<Doubles>(a[0] + k) * ax + load<Doubles>(a[1] + k) * ay + load<Doubles>(a[2] + k) * az;
      store(theta + (k - row.begin), value);
      store(bin + (k - row.begin), panels_of(value, chunk.inverse_unit, chunk.octave_bits) + row.bins);
    }
    theta += row.end - row.begin;
    bin += row.end - row.begin;
  }
}

/// Computes the change of theta of every pair along a change v of the neighbors, three arrays.
void pair_changes(const PairChunk& chunk, const double* const v[3], double* change) {
  for (int64_t r = 0; r < chunk.nrows; ++r) {
    const PairRow row = chunk.rows[r];
    for (int64_t k = row.begin; k < row.end; k += kDoubles) {
      Doubles sum{};
      for (int c = 0; c < 3; ++c) {
        sum += load<Doubles>(v[c] + k) * chunk.a[c][row.j] + load<Doubles>(chunk.a[c] + k) * v[c][row.j];
      }
      store(change + (k - row.begin), sum);
    }
    change += row.end - row.begin;
  }
}

/// Adds to g (three arrays) of both neighbors of every pair the weight times the columns of the other neighbor.
void pair_pull(const PairChunk& chunk, const double* weight, double* const g[3]) {
  for (int64_t r = 0; r < chunk.nrows; ++r) {
    const PairRow row = chunk.rows[r];
    Doubles sum[3] = {};
    for (int64_t k = row.begin; k < row.end; k += kDoubles) {
      const Doubles w = first_lanes(load<Doubles>(weight + (k - row.begin)), row.end - k, 0.0);
      for (int c = 0; c < 3; ++c) {
        sum[c] += w * load<Doubles>(chunk.a[c] + k);
        store(g[c] + k, load<Doubles>(g[c] + k) + w * chunk.a[c][row.j]);
      }
    }
    const Quad total = sum_lanes<double, Doubles>(sum[0], sum[1], sum[2], Doubles{});
    for (int c = 0; c < 3; ++c) g[c][row.j] += total[c];
    weight += row.end - row.begin;
  }
}

/// sums[q] += w T_q(u), for `N` vectors of pairs at once.
template <int Terms, int N>
DEEPMD_ALWAYS_INLINE void add_moments(const Doubles theta[N], const Doubles w[N], const PairPlace& place, int terms,
                                      Doubles* sums) {
  Doubles twice[N], before[N], value[N];
  for (int n = 0; n < N; ++n) {
    const Doubles u = (theta[n] - place.start) * place.scale - 1.0;
    twice[n] = 2.0 * u;
    before[n] = w[n];
    value[n] = w[n] * u;
    sums[0] += before[n];
  }
  const int last = Terms > 0 ? Terms : terms;
  for (int q = 1; q < last; ++q) {
    for (int n = 0; n < N; ++n) {
      sums[q] += value[n];
      const Doubles next = twice[n] * value[n] - before[n];
      before[n] = value[n];
      value[n] = next;
    }
  }
}

template <int Terms>
void moments_of_terms(const double* theta, const double* weight, int64_t n, const PairPlace& place, int terms,
                      double factor, double* out) {
  constexpr int kSize = Terms > 0 ? Terms : (kMaxTerms + 3) / 4 * 4;
  Doubles sums[kSize] = {};
  int64_t p = 0;
  for (; p + 2 * kDoubles <= n; p += 2 * kDoubles) {
    const Doubles at[2] = {load<Doubles>(theta + p), load<Doubles>(theta + p + kDoubles)};
    const Doubles w[2] = {load<Doubles>(weight + p), load<Doubles>(weight + p + kDoubles)};
    add_moments<Terms, 2>(at, w, place, terms, sums);
  }
  for (; p < n; p += kDoubles) {
    const Doubles at[1] = {first_lanes(load<Doubles>(theta + p), n - p, place.start)};
    const Doubles w[1] = {first_lanes(load<Doubles>(weight + p), n - p, 0.0)};
    add_moments<Terms, 1>(at, w, place, terms, sums);
  }
  for (int q = 0; q < terms; q += 4) {
    const Quad total = sum_lanes<double, Doubles>(sums[q], sums[q + 1], sums[q + 2], sums[q + 3]);
    for (int k = 0; k < 4 && q + k < terms; ++k) out[q + k] += factor * total[k];
  }
}

/// out [terms] += factor sum_p weight_p T(u_p), over n pairs of a cell.
void pair_sums(const double* theta, const double* weight, int64_t n, const PairPlace& place, int terms, double factor,
               double* out) {
  if (terms == 16) return moments_of_terms<16>(theta, weight, n, place, terms, factor, out);
  moments_of_terms<0>(theta, weight, n, place, terms, factor, out);
}

/// value_p = sum_q c_q T_q(u_p), for n pairs of a cell, with Clenshaw's recurrence.
void pair_series(const double* theta, int64_t n, const PairPlace& place, int terms, const double* c, double* value) {
  for (int64_t p = 0; p < n; p += 2 * kDoubles) {
    Doubles u[2], after[2] = {}, sum[2] = {};
    for (int v = 0; v < 2; ++v) u[v] = (load<Doubles>(theta + p + v * kDoubles) - place.start) * place.scale - 1.0;
    for (int q = terms - 1; q > 0; --q) {
      for (int v = 0; v < 2; ++v) {
        const Doubles next = 2.0 * u[v] * sum[v] + (c[q] - after[v]);
        after[v] = sum[v];
        sum[v] = next;
      }
    }
    for (int v = 0; v < 2; ++v) store(value + p + v * kDoubles, u[v] * sum[v] + (c[0] - after[v]));
  }
}
