#include "cpu/center_pairs.h"

#include <cmath>
#include <string>

#include "deepmd/error.h"

namespace deepmd {

CenterPairs::CenterPairs(const EdgeTypes& edges, const double* rows, int ntypes, const PairPanels& panels)
    : edges_(edges), of_edges_(rows), panels_(panels), ntypes_(ntypes) {}

void CenterPairs::take(int64_t center) {
  const int64_t first = edges_.edge_splits[center], last = edges_.edge_splits[center + 1];
  counts_.assign(ntypes_ + 1, 0);
  double longest = 0;
  for (int64_t e = first; e < last; ++e) {
    ++counts_[edges_.type[edges_.neighbor[e]] + 1];
    const double* row = of_edges_ + 4 * e;
    const double square = row[1] * row[1] + row[2] * row[2] + row[3] * row[3];
    if (!(square <= kLargestTheta))
      throw InputError("edge " + std::to_string(e) + ": its environment row is not finite");
    longest = std::max(longest, square);
  }
  ranges_.clear();
  for (int t = 0; t < ntypes_; ++t) {
    counts_[t + 1] += counts_[t];
    if (counts_[t + 1] > counts_[t]) ranges_.push_back({t, counts_[t], counts_[t + 1]});
  }
  edge_.resize(last - first);
  for (int64_t e = first; e < last; ++e) edge_[counts_[edges_.type[edges_.neighbor[e]]]++] = e;
  gather(of_edges_, columns_);
  npanels_ = count_pair_panels(longest, panels_);
  codes_.clear();
  for (size_t s = 0; s < ranges_.size(); ++s) {
    for (size_t t = s; t < ranges_.size(); ++t) codes_.push_back(ranges_[s].type * ntypes_ + ranges_[t].type);
  }
  ncodes_ = int64_t(codes_.size());
}

void CenterPairs::gather(const double* of_edges, Buffer<double> arrays[3]) const {
  for (int c = 0; c < 3; ++c) {
    arrays[c].resize(edge_.size() + kPairSlack);
    for (size_t k = 0; k < edge_.size(); ++k) arrays[c][k] = of_edges[4 * edge_[k] + 1 + c];
    std::fill(arrays[c].end() - kPairSlack, arrays[c].end(), 0.0);
  }
}

PairChunk CenterPairs::chunk() const {
  int bits = 0;
  while (1 << bits < panels_.per_octave) ++bits;
  return {{columns_[0].data(), columns_[1].data(), columns_[2].data()},
          rows_.data(),
          int64_t(rows_.size()),
          1 / panels_.unit,
          bits};
}

}  // namespace deepmd
