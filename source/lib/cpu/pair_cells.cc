#include <mutex>

#include "checks/panels.h"
#include "cpu/center_pairs.h"
#include "cpu/isa/loops.h"
#include "deepmd/pair_moments.h"

namespace deepmd {
namespace {

/// Which panels of which codes hold pairs.
class Occupied {
 public:
  explicit Occupied(int64_t ncodes) : panels_(ncodes) {}

  void add(int32_t code, int64_t panel) {
    std::vector<char>& of_code = panels_[code];
    if (int64_t(of_code.size()) <= panel) of_code.resize(panel + 1, 0);
    of_code[panel] = 1;
  }

  void add(const Occupied& other) {
    for (size_t code = 0; code < panels_.size(); ++code) {
      for (size_t p = 0; p < other.panels_[code].size(); ++p) {
        if (other.panels_[code][p]) add(int32_t(code), int64_t(p));
      }
    }
  }

  PairCells list(const PairPanels& panels) const {
    PairCells cells;
    for (size_t code = 0; code < panels_.size(); ++code) {
      for (size_t p = 0; p < panels_[code].size(); ++p) {
        if (!panels_[code][p]) continue;
        const Interval at = interval_of_angles(int(p), panels);
        cells.code.push_back(int32_t(code));
        cells.panel.push_back(int32_t(p));
        cells.start.push_back(at.start);
        cells.width.push_back(at.width);
      }
    }
    return cells;
  }

 private:
  std::vector<std::vector<char>> panels_;
};

/// Adds the cells that pairs of the center lie in.
class CellFinder {
 public:
  CellFinder(const EdgeTypes& edges, const double* rows, int ntypes, const PairPanels& panels)
      : pairs_(edges, rows, ntypes, panels) {}

  void add(int64_t center, Occupied& occupied) {
    pairs_.take(center);
    marks_.assign(pairs_.nbins(), 0);
    theta_.resize(pairs_.max_pairs() + kPairSlack);
    bin_.resize(pairs_.max_pairs() + kPairSlack);
    pairs_.for_chunks([&](const PairChunk& chunk, int64_t npairs, bool) {
      loops().pairs.angles(chunk, theta_.data(), bin_.data());
      for (int64_t p = 0; p < npairs; ++p) marks_[bin_[p]] = 1;
    });
    const int64_t npanels = pairs_.npanels();
    for (int64_t b = 0; b < pairs_.nbins(); ++b) {
      if (marks_[b]) occupied.add(pairs_.codes()[b / npanels], b % npanels);
    }
  }

 private:
  CenterPairs pairs_;
  std::vector<char> marks_;
  Buffer<double> theta_;
  Buffer<int32_t> bin_;
};

}  // namespace

PairCells pair_cells(const CpuDevice& device, const EdgeTypes& edges, const double* rows, int ntypes,
                     const PairPanels& panels) {
  check_pair_panels(panels);
  const int64_t ncodes = int64_t(ntypes) * ntypes;
  Occupied all(ncodes);
  std::mutex mutex;
  constexpr double kNanosecondsPerPair = 1;
  device.parallel_for(edges.ncenters, center_cost(edges, kNanosecondsPerPair), [&](int64_t begin, int64_t end) {
    Occupied occupied(ncodes);
    CellFinder finder(edges, rows, ntypes, panels);
    for (int64_t i = begin; i < end; ++i) finder.add(i, occupied);
    const std::lock_guard<std::mutex> lock(mutex);
    all.add(occupied);
  });
  return all.list(panels);
}

}  // namespace deepmd
