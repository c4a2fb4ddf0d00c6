#include "deepmd/pair_moments.h"

#include <numeric>
#include <string>

#include "checks/panels.h"
#include "cpu/center_pairs.h"
#include "cpu/isa/loops.h"
#include "deepmd/error.h"
#include "math/pair_series.h"

namespace deepmd {
namespace {

/// The cells by code and panel.
class CellNumbers {
 public:
  explicit CellNumbers(const PairMoments& shape) {
    const int64_t ncodes = int64_t(shape.ntypes) * shape.ntypes;
    for (int64_t c = 0; c < shape.ncell; ++c) {
      const int32_t code = shape.cell_code[c], panel = shape.cell_panel[c];
      if (code < 0 || code >= ncodes || panel < 0 || panel > kMaxPanels) {
        throw InputError("cell " + std::to_string(c) + ": there is no code " + std::to_string(code) + " with a panel " +
                         std::to_string(panel));
      }
      npanels_ = std::max<int64_t>(npanels_, panel + 1);
    }
    number_.assign(ncodes * npanels_, -1);
    for (int64_t c = 0; c < shape.ncell; ++c) {
      number_[shape.cell_code[c] * npanels_ + shape.cell_panel[c]] = int32_t(c);
    }
  }

  int64_t operator()(int32_t code, int64_t panel) const {
    const int32_t cell = panel < npanels_ ? number_[code * npanels_ + panel] : -1;
    if (cell < 0) throw InputError("cells: a pair of neighbors lies in none of them; find them for these rows");
    return cell;
  }

 private:
  static constexpr int32_t kMaxPanels = 1 << 28;
  int64_t npanels_ = 0;
  std::vector<int32_t> number_;
};

/// The pairs of a chunk sorted by bin.
class SortedPairs {
 public:
  explicit SortedPairs(const PairMoments& shape) : pairs(shape.edges, shape.rows, shape.ntypes, shape.panels) {}

  void take(int64_t center) {
    pairs.take(center);
    const int64_t size = pairs.max_pairs() + kPairSlack;
    unsorted_.resize(size);
    bin_.resize(size);
    place_.resize(size);
    theta.resize(size);
    weight.resize(size);
    begin_.resize(pairs.nbins() + 1);
  }

  /// Sorts thetas of the pairs.
  void sort(const PairChunk& chunk, int64_t npairs) {
    loops().pairs.angles(chunk, unsorted_.data(), bin_.data());
    std::fill(begin_.begin(), begin_.end(), 0);
    for (int64_t p = 0; p < npairs; ++p) ++begin_[bin_[p]];
    int32_t before = 0;
    for (int32_t& begin : begin_) {
      const int32_t count = begin;
      begin = before;
      before += count;
    }
    for (int64_t p = 0; p < npairs; ++p) {
      const int32_t q = begin_[bin_[p]]++;
      place_[p] = q;
      theta[q] = unsorted_[p];
    }
  }

  /// Calls `use(bin, begin, end)` for the bins that hold pairs.
  template <typename Use>
  void for_bins(Use use) const {
    int64_t begin = 0;
    for (int64_t b = 0; b + 1 < int64_t(begin_.size()); ++b) {
      const int64_t end = begin_[b];  // which sort has moved from the begin of the bin
      if (end > begin) use(b, begin, end);
      begin = end;
    }
  }

  /// Sorts the weights of the pairs too.
  void sort_weights(const double* unsorted, int64_t npairs) {
    for (int64_t p = 0; p < npairs; ++p) weight[place_[p]] = unsorted[p];
  }

  /// Brings the weights back into the order of the pairs.
  const double* unsort_weights(int64_t npairs) {
    for (int64_t p = 0; p < npairs; ++p) unsorted_[p] = weight[place_[p]];
    return unsorted_.data();
  }

  /// Memory for a number of every pair.
  double* unsorted() { return unsorted_.data(); }

  CenterPairs pairs;
  Buffer<double> theta, weight;  // [npairs], sorted

 private:
  Buffer<double> unsorted_;
  Buffer<int32_t> bin_, place_;
  std::vector<int32_t> begin_;
};

/// One center after another.
class CenterMoments {
 public:
  CenterMoments(const PairMoments& shape, const CellNumbers& number)
      : shape_(shape), number_(number), sorted_(shape), pairs_(sorted_.pairs) {}

  void forward(int64_t center, double* moments) {
    sorted_.take(center);
    std::fill_n(moments, shape_.ncell * shape_.terms, 0.0);
    pairs_.for_chunks([&](const PairChunk& chunk, int64_t npairs, bool doubled) {
      sorted_.sort(chunk, npairs);
      add_moments(sorted_.theta.data(), doubled, moments);
    });
  }

  void tangent(int64_t center, const double* v, double* moments) {
    sorted_.take(center);
    std::fill_n(moments, shape_.ncell * shape_.terms, 0.0);
    pairs_.gather(v, change_);
    const double* change[3] = {change_[0].data(), change_[1].data(), change_[2].data()};
    pairs_.for_chunks([&](const PairChunk& chunk, int64_t npairs, bool doubled) {
      sorted_.sort(chunk, npairs);
      loops().pairs.changes(chunk, change, sorted_.unsorted());
      sorted_.sort_weights(sorted_.unsorted(), npairs);
      add_moments(sorted_.weight.data(), doubled, moments);
    });
    for (int64_t c = 0; c < shape_.ncell; ++c) {
      slope_transposed(shape_.terms, place(c), moments + c * shape_.terms);
    }
  }

  void to_rows(int64_t center, const double* moments_grad, double* rows_grad) {
    sorted_.take(center);
    double* grad[3];
    for (int c = 0; c < 3; ++c) {
      change_[c].assign(pairs_.size() + kPairSlack, 0.0);
      grad[c] = change_[c].data();
    }
    pairs_.for_chunks([&](const PairChunk& chunk, int64_t npairs, bool doubled) {
      sorted_.sort(chunk, npairs);
      sorted_.for_bins([&](int64_t bin, int64_t begin, int64_t end) {
        const int64_t cell = cell_of(bin);
        double slope[kMaxTerms];
        slope_of_series(moments_grad + cell * shape_.terms, shape_.terms, place(cell), factor(bin, doubled), slope);
        loops().pairs.series(sorted_.theta.data() + begin, end - begin, place(cell), shape_.terms, slope,
                             sorted_.weight.data() + begin);
      });
      loops().pairs.pull(chunk, sorted_.unsort_weights(npairs), grad);
    });
    for (int64_t k = 0; k < pairs_.size(); ++k) {
      double* row = rows_grad + 4 * pairs_.edge()[k];
      row[0] = 0;
      for (int c = 0; c < 3; ++c) row[1 + c] = grad[c][k];
    }
  }

 private:
  void add_moments(const double* weight, bool doubled, double* moments) {
    sorted_.for_bins([&](int64_t bin, int64_t begin, int64_t end) {
      const int64_t cell = cell_of(bin);
      loops().pairs.moments(sorted_.theta.data() + begin, weight + begin, end - begin, place(cell), shape_.terms,
                            factor(bin, doubled), moments + cell * shape_.terms);
    });
  }

  int64_t cell_of(int64_t bin) const { return number_(pairs_.codes()[bin / pairs_.npanels()], bin % pairs_.npanels()); }

  /// How often a pair of the bin counts.
  double factor(int64_t bin, bool doubled) const {
    const int32_t code = pairs_.codes()[bin / pairs_.npanels()];
    return doubled && code / shape_.ntypes == code % shape_.ntypes ? 2 : 1;
  }

  PairPlace place(int64_t cell) const { return place_of(shape_.cell_panel[cell], shape_.panels); }

  const PairMoments& shape_;
  const CellNumbers& number_;
  SortedPairs sorted_;
  CenterPairs& pairs_;
  Buffer<double> change_[3];
};

/// Calls `use(center, work)` for every center.
template <typename Use>
void for_centers(const CpuDevice& device, const PairMoments& shape, Use use) {
  check_pair_moments(shape);
  const CellNumbers number(shape);
  constexpr double kNanosecondsPerPair = 5;
  device.parallel_for(shape.edges.ncenters, center_cost(shape.edges, kNanosecondsPerPair),
                      [&](int64_t begin, int64_t end) {
                        CenterMoments work(shape, number);
                        for (int64_t i = begin; i < end; ++i) use(i, work);
                      });
}

}  // namespace

void pair_moments(const CpuDevice& device, const PairMoments& shape, double* moments) {
  const int64_t size = shape.ncell * shape.terms;
  for_centers(device, shape, [&](int64_t i, CenterMoments& work) { work.forward(i, moments + i * size); });
}

void pair_moments_grad_rows(const CpuDevice& device, const PairMoments& shape, const double* moments_grad,
                            double* rows_grad) {
  const int64_t size = shape.ncell * shape.terms;
  for_centers(device, shape,
              [&](int64_t i, CenterMoments& work) { work.to_rows(i, moments_grad + i * size, rows_grad); });
}

void pair_moments_tangent(const CpuDevice& device, const PairMoments& shape, const double* v, double* moments) {
  const int64_t size = shape.ncell * shape.terms;
  for_centers(device, shape, [&](int64_t i, CenterMoments& work) { work.tangent(i, v, moments + i * size); });
}

}  // namespace deepmd
