#include "cpu/row_order.h"

#include <algorithm>
#include <cmath>

namespace deepmd {
namespace {
// Up to this many entries, insertion is faster than std::sort.
constexpr int kFew = 16;
}  // namespace

const std::vector<int>& RowOrder::sort(const RowKeys& keys, const Candidates& found) {
  const int count = found.count;
  const int* type_rank = keys.type_rank;
  type_begin_.assign(size_t(keys.ntypes) + 1, 0);
  for (int k = 0; k < count; ++k) ++type_begin_[size_t(type_rank[found.slot[k]]) + 1];
  for (size_t t = 1; t < type_begin_.size(); ++t) type_begin_[t] += type_begin_[t - 1];

  bucket_.resize(count);
  bucket_begin_.assign(size_t(count) + 1, 0);
  const double scale = 1.0 / (keys.rcut * keys.rcut);
  for (int k = 0; k < count; ++k) {
    const int type = type_rank[found.slot[k]];
    const int share = type_begin_[size_t(type) + 1] - type_begin_[type];
    const double x = found.distance2[k] * scale;
    bucket_[k] = type_begin_[type] + std::min(int(x * std::sqrt(x) * share), share - 1);
    ++bucket_begin_[size_t(bucket_[k]) + 1];
  }
  for (int b = 0; b < count; ++b) bucket_begin_[size_t(b) + 1] += bucket_begin_[b];
  sorted_.resize(count);
  // Filled from the back, each bucket's counter moves from its end to its begin.
  for (int k = count - 1; k >= 0; --k) sorted_[--bucket_begin_[size_t(bucket_[k]) + 1]] = k;

  const int* index = keys.index;
  const auto before = [&found, index](int a, int b) {
    if (found.distance2[a] != found.distance2[b]) return found.distance2[a] < found.distance2[b];
    const int index_a = index[found.slot[a]], index_b = index[found.slot[b]];
    return index_a != index_b ? index_a < index_b : found.image[a] < found.image[b];
  };
  for (int b = 0; b < count; ++b) {
    const int begin = bucket_begin_[size_t(b) + 1];
    const int end = b + 1 < count ? bucket_begin_[size_t(b) + 2] : count;
    if (end - begin > kFew) {
      std::sort(sorted_.begin() + begin, sorted_.begin() + end, before);
      continue;
    }
    for (int k = begin + 1; k < end; ++k) {
      const int moved = sorted_[k];
      int place = k;
      for (; place > begin && before(moved, sorted_[place - 1]); --place) sorted_[place] = sorted_[place - 1];
      sorted_[place] = moved;
    }
  }
  return sorted_;
}

}  // namespace deepmd
