#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "cpu/buffer.h"
#include "cpu/pair_chunk.h"
#include "deepmd/pair_moments.h"
#include "math/pair_panels.h"

namespace deepmd {

/// Neighbors of a center of one type, [begin, end) in their arrays.
struct TypeRange {
  int type;
  int64_t begin, end;
};

/// Nanoseconds that the pairs of a center take.
inline int64_t center_cost(const EdgeTypes& edges, double per_pair) {
  const double n = double(edges.nedge) / double(std::max<int64_t>(edges.ncenters, 1));
  return int64_t(per_pair * n * (n + 1) / 2) + 100;
}

/// The pairs of one center after another, a chunk at a time.
///
/// Pairs are numbered by code and panel in bins, of which only the neighbors' types that there are, and panels up to
/// the largest theta that there can be, take part.
class CenterPairs {
 public:
  CenterPairs(const EdgeTypes& edges, const double* rows, int ntypes, const PairPanels& panels);

  /// Takes a center; throws InputError where a row is not finite.
  void take(int64_t center);

  int64_t size() const { return int64_t(edge_.size()); }
  /// Edges of the neighbors in the order of their arrays.
  const std::vector<int64_t>& edge() const { return edge_; }
  int64_t nbins() const { return npanels_ * ncodes_; }
  int64_t npanels() const { return npanels_; }
  /// Code of the types, and not of those that there are, of each of the center's codes.
  const std::vector<int32_t>& codes() const { return codes_; }

  /// Calls `use(chunk, npairs, doubled)` for all pairs j <= k, some thousand at a time; `doubled` says whether the
  /// pairs of one type are to be counted twice, because (k, j) is another, or are j = k.
  template <typename Use>
  void for_chunks(Use use) {
    rows_.clear();
    int64_t count = 0;
    const auto flush = [&](bool doubled) {
      if (count > 0) use(chunk(), count, doubled);
      rows_.clear();
      count = 0;
    };
    for (size_t s = 0; s < ranges_.size(); ++s) {
      for (int64_t j = ranges_[s].begin; j < ranges_[s].end; ++j) {
        for (size_t t = s; t < ranges_.size(); ++t) {
          const int64_t begin = std::max(ranges_[t].begin, j + 1), end = ranges_[t].end;
          if (begin == end) continue;
          rows_.push_back({j, begin, end, first_bin(s, t)});
          count += end - begin;
        }
        if (count >= kChunk) flush(true);
      }
    }
    flush(true);
    for (size_t s = 0; s < ranges_.size(); ++s) {
      for (int64_t j = ranges_[s].begin; j < ranges_[s].end; ++j) rows_.push_back({j, j, j + 1, first_bin(s, s)});
    }
    count = size();
    flush(false);
  }

  /// The largest number of pairs of a chunk.
  int64_t max_pairs() const { return kChunk + size(); }

  /// Puts three columns of what edges have [nedge, 4], from the second on, into arrays in the neighbors' order, with
  /// zeros behind them.
  void gather(const double* of_edges, Buffer<double> arrays[3]) const;

 private:
  static constexpr int64_t kChunk = 4096;

  int32_t first_bin(size_t s, size_t t) const {
    const size_t n = ranges_.size();
    return int32_t((s * n - s * (s + 1) / 2 + t) * npanels_);
  }
  PairChunk chunk() const;

  EdgeTypes edges_;
  const double* of_edges_;
  PairPanels panels_;
  int ntypes_;
  std::vector<int64_t> counts_;  // [ntypes + 1]
  std::vector<int64_t> edge_;
  std::vector<TypeRange> ranges_;
  std::vector<int32_t> codes_;
  std::vector<PairRow> rows_;
  Buffer<double> columns_[3];
  int64_t npanels_ = 0, ncodes_ = 0;
};

}  // namespace deepmd
