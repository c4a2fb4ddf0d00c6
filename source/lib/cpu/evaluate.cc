#include "deepmd/evaluate.h"

#include <algorithm>
#include <memory>
#include <mutex>
#include <numeric>
#include <string>
#include <type_traits>
#include <vector>

#include "cpu/atom_sums.h"
#include "cpu/block_descriptor.h"
#include "cpu/block_fitting.h"
#include "cpu/edge_scatter.h"
#include "cpu/row_source.h"
#include "deepmd/error.h"

namespace deepmd {
namespace {

// Centers that go through the net together: enough that products of matrices run at full speed, few enough that their
// descriptors stay in the second cache.
constexpr int64_t kMaxCenters = 48;
// Centers that a processor's vector holds: blocks of a multiple of them leave none of it idle.
constexpr int64_t kVector = 8;
// Blocks whose results wait to be added up, whatever the number of threads.
constexpr int64_t kBlocksPerWave = 128;
constexpr int64_t kNanosecondsPerCenter = 60000;

int64_t ceil_div(int64_t n, int64_t d) { return (n + d - 1) / d; }

/// In which order the centers are taken, and where their blocks begin; all centers of a block have one fitting net.
struct Blocks {
  /// Of ncenters atoms of these types, of which each has a net of its own unless there is one net for all.
  Blocks(int64_t ncenters, const int* type, int64_t nnets) : order(ncenters), splits(1, 0) {
    std::iota(order.begin(), order.end(), 0);
    if (nnets == 1) {
      // An even number of blocks of almost one size, so that small systems keep two threads busy.
      cut(ncenters, 2 * ceil_div(ncenters, 2 * kMaxCenters));
      return;
    }
    std::stable_sort(order.begin(), order.end(), [type](int32_t a, int32_t b) { return type[a] < type[b]; });
    for (int64_t begin = 0; begin < ncenters; begin = splits.back()) {
      int64_t end = begin;
      while (end < ncenters && type[order[end]] == type[order[begin]]) ++end;
      cut(end, ceil_div(end - begin, kMaxCenters));
    }
  }

  int64_t count() const { return int64_t(splits.size()) - 1; }

  std::vector<int32_t> order;
  std::vector<int64_t> splits;  ///< in order

 private:
  /// Cuts what is left before `end` into about so many blocks.
  void cut(int64_t end, int64_t count) {
    const int64_t begin = splits.back();
    if (begin == end) return;
    const int64_t size = kVector * ceil_div(ceil_div(end - begin, count), kVector);
    for (int64_t next = begin + size; next < end; next += size) splits.push_back(next);
    splits.push_back(end);
  }
};

/// Memory that a thread works in.
template <typename T, typename F>
struct Scratch {
  RowScratch search;
  BlockEdges edges;
  BlockDescriptor<T> descriptor;
  BlockFitting<F> fitting;
  Buffer<T> descriptors;    // and then dE/d descriptors
  Buffer<F> fitting_input;  // the same for the fitting net, where its precision is another
  Buffer<F> extra;
  Buffer<double> energy;
  Buffer<double> edge_grad;
};

/// Hands out memory to threads; what they give back is used again.
template <typename Item>
class Pool {
 public:
  std::unique_ptr<Item> take() {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (items_.empty()) return std::make_unique<Item>();
    std::unique_ptr<Item> item = std::move(items_.back());
    items_.pop_back();
    return item;
  }
  void give(std::unique_ptr<Item> item) {
    const std::lock_guard<std::mutex> lock(mutex_);
    items_.push_back(std::move(item));
  }
  const std::vector<std::unique_ptr<Item>>& items() const { return items_; }

 private:
  std::mutex mutex_;
  std::vector<std::unique_ptr<Item>> items_;
};

/// One evaluation.
template <typename T, typename F>
class Evaluator {
 public:
  Evaluator(const TabulatedModel<T, F>& model, const RowSource& source, const int* type, const FrameSplits& frames,
            const F* extra, const Evaluation& out)
      : model_(model), plan_(model.descriptor, frames), source_(source), type_(type), extra_(extra), out_(out) {
    for (const FittingNet<F>& net : model.fitting) fitting_.emplace_back(net, plan_.packed);
  }

  void run(const CpuDevice& device) {
    const int64_t natoms = plan_.frames.splits[plan_.frames.nframes];
    std::fill_n(out_.force, 3 * natoms, 0.0);
    std::fill_n(out_.atom_virial, 9 * natoms, 0.0);
    const Blocks blocks(source_.centers(), type_, int64_t(fitting_.size()));
    std::vector<AtomSums> wave(std::min(blocks.count(), kBlocksPerWave));
    const int64_t cost = kNanosecondsPerCenter * kMaxCenters;
    for (int64_t first = 0; first < blocks.count(); first += kBlocksPerWave) {
      const int64_t count = std::min(kBlocksPerWave, blocks.count() - first);
      device.parallel_for(count, cost, [&](int64_t begin, int64_t end) {
        std::unique_ptr<Scratch<T, F>> scratch = pool_.take();
        scratch->search.max_neighbors.resize(model_.descriptor.codes.ntypes, 0);
        for (int64_t b = begin; b < end; ++b) {
          evaluate_block(blocks.order.data(), blocks.splits[first + b], blocks.splits[first + b + 1], *scratch,
                         wave[b]);
        }
        pool_.give(std::move(scratch));
      });
      for (int64_t b = 0; b < count; ++b) wave[b].add_to(out_.force, out_.atom_virial);
    }
    sum_frames(device, plan_.frames, out_.atom_virial, out_.virial);
    std::fill_n(out_.max_neighbors, model_.descriptor.codes.ntypes, 0);
    for (const auto& scratch : pool_.items()) {
      for (int t = 0; t < model_.descriptor.codes.ntypes; ++t) {
        out_.max_neighbors[t] = std::max(out_.max_neighbors[t], scratch->search.max_neighbors[t]);
      }
    }
  }

 private:
  void evaluate_block(const int32_t* order, int64_t begin, int64_t end, Scratch<T, F>& scratch, AtomSums& sums) const {
    find_edges(order + begin, end - begin, scratch);
    const BlockEdges& edges = scratch.edges;
    scratch.descriptors.resize(plan_.packed.width() * padded(edges.ncenters));
    scratch.descriptor.forward(plan_, edges, scratch.descriptors.data());
    fit(edges, scratch);
    scratch.edge_grad.resize(3 * edges.nedge());
    scratch.descriptor.backward(plan_, edges, scratch.descriptors.data(), scratch.edge_grad.data());
    add_edges(edges, scratch.edge_grad.data(), sums);
  }

  void find_edges(const int32_t* center, int64_t ncenters, Scratch<T, F>& scratch) const {
    BlockEdges& edges = scratch.edges;
    edges.ncenters = ncenters;
    edges.center = center;
    edges.type = type_;
    edges.rows.neighbor.clear();
    edges.rows.edge_vec.clear();
    edges.center_type.clear();
    edges.splits.assign(1, 0);
    for (int64_t i = 0; i < ncenters; ++i) {
      edges.center_type.push_back(type_[center[i]]);
      edges.splits.push_back(edges.splits.back() + source_.append(center[i], ncenters, scratch.search, edges.rows));
    }
  }

  /// Energies of the centers; descriptors become their derivatives.
  void fit(const BlockEdges& edges, Scratch<T, F>& scratch) const {
    const FittingPlan<F>& plan = fitting_.size() == 1 ? fitting_[0] : fitting_[edges.center_type[0]];
    const int64_t nextra = plan.net.nextra;
    scratch.extra.resize(edges.ncenters * nextra);
    scratch.energy.resize(edges.ncenters);
    for (int64_t i = 0; i < edges.ncenters; ++i) {
      std::copy_n(extra_ + edges.center[i] * nextra, nextra, scratch.extra.data() + i * nextra);
    }
    const auto there_and_back = [&](F* descriptors) {
      scratch.fitting.forward(plan, edges.ncenters, edges.center_type.data(), scratch.extra.data(), descriptors,
                              scratch.energy.data());
      scratch.fitting.backward(plan, edges.ncenters, descriptors);
    };
    if constexpr (std::is_same_v<T, F>) {
      there_and_back(scratch.descriptors.data());
    } else {
      Buffer<F>& input = scratch.fitting_input;
      input.resize(scratch.descriptors.size());
      std::copy(scratch.descriptors.begin(), scratch.descriptors.end(), input.begin());
      there_and_back(input.data());
      std::copy(input.begin(), input.end(), scratch.descriptors.begin());
    }
    for (int64_t i = 0; i < edges.ncenters; ++i) out_.atom_energy[edges.center[i]] = scratch.energy.data()[i];
  }

  /// F_i += g and F_j -= g; the virial of an edge, -g (x) edge_vec, goes to j.
  void add_edges(const BlockEdges& edges, const double* edge_grad, AtomSums& sums) const {
    sums.clear(std::min<int64_t>(edges.nedge() + edges.ncenters, plan_.frames.splits[plan_.frames.nframes]));
    for (int64_t i = 0; i < edges.ncenters; ++i) {
      double own[3] = {0, 0, 0};
      for (int64_t e = edges.splits[i]; e < edges.splits[i + 1]; ++e) {
        const double *g = edge_grad + 3 * e, *d = &edges.rows.edge_vec[3 * e];
        double* other = sums.of(edges.rows.neighbor[e]);
        for (int a = 0; a < 3; ++a) {
          own[a] += g[a];
          other[4 * a] -= g[a];
          for (int b = 0; b < 3; ++b) other[4 * a + 1 + b] -= g[a] * d[b];
        }
      }
      double* center = sums.of(edges.center[i]);
      for (int a = 0; a < 3; ++a) center[4 * a] += own[a];
    }
  }

  const TabulatedModel<T, F>& model_;
  const DescriptorPlan<T> plan_;
  std::vector<FittingPlan<F>> fitting_;
  const RowSource& source_;
  const int* type_;
  const F* extra_;
  const Evaluation out_;
  Pool<Scratch<T, F>> pool_;
};

}  // namespace

template <typename T, typename F>
void evaluate(const CpuDevice& device, const TabulatedModel<T, F>& model, const FrameBatch& batch, const F* extra,
              const Evaluation& out) {
  const SearchedRows source(device, make_search(batch, model.descriptor.cutoff.rcut));
  Evaluator<T, F>(model, source, batch.type, {batch.nframes, batch.frame_splits}, extra, out).run(device);
}

template <typename T, typename F>
void evaluate(const CpuDevice& device, const TabulatedModel<T, F>& model, const NeighborList& list, const F* extra,
              const Evaluation& out) {
  const ListedRows source(list, model.descriptor.cutoff.rcut);
  const int splits[2] = {0, int(list.nall)};
  Evaluator<T, F>(model, source, list.type, {1, splits}, extra, out).run(device);
}

#define DEEPMD_INSTANTIATE(T, F)                                                                       \
  template void evaluate(const CpuDevice&, const TabulatedModel<T, F>&, const FrameBatch&, const F*,   \
                         const Evaluation&);                                                           \
  template void evaluate(const CpuDevice&, const TabulatedModel<T, F>&, const NeighborList&, const F*, \
                         const Evaluation&)
DEEPMD_INSTANTIATE(float, float);
DEEPMD_INSTANTIATE(float, double);
DEEPMD_INSTANTIATE(double, float);
DEEPMD_INSTANTIATE(double, double);

}  // namespace deepmd
