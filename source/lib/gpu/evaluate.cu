#include "deepmd/evaluate.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "checks/too_near.h"
#include "gpu/atom_forces.h"
#include "gpu/descriptor.h"
#include "gpu/fitting.h"
#include "gpu/frame_sums.h"
#include "gpu/incoming.h"
#include "math/panels.h"

namespace deepmd {
namespace gpu {

template <typename T>
DescriptorTables<T> make_tables(const GpuDevice& device, const TabulatedDescriptor<T>& d) {
  const Panels& panels = d.panels;
  check_panels(panels, 1);
  const int64_t ntypes = d.codes.ntypes;
  EdgeRows no_rows{};
  set_normalization(d, no_rows);
  check_edge_rows(no_rows);
  const Interval last = interval_of(int(d.npanels) - 1, panels);
  int64_t slots = 0;
  for (int64_t type = 0; type < ntypes; ++type) slots += d.sel[type];
  DescriptorTables<T> tables{};
  tables.cutoff = d.cutoff;
  tables.avg = copy_to_device(device, d.avg, ntypes);
  tables.std_radial = copy_to_device(device, d.std_radial, ntypes);
  tables.std_angular = copy_to_device(device, d.std_angular, ntypes);
  tables.codes = d.codes;
  tables.panels = panels;
  tables.npanels = d.npanels;
  tables.end = last.start + last.width;
  tables.terms = d.terms;
  tables.columns = d.columns;
  tables.axis = d.axis;
  tables.table = d.table;
  tables.empty = d.empty;
  tables.scale = T(1) / T(slots);
  if (d.codes.interacting != nullptr) {
    tables.codes.interacting = copy_to_device(device, d.codes.interacting, ntypes * ntypes);
  }
  tables.all_empty = sum_empty(device, tables, copy_to_device(device, d.sel, ntypes));
  return tables;
}

}  // namespace gpu

namespace {

using namespace gpu;

/// Evaluates a model for edges that have been found by a search.
template <typename T, typename F>
class Evaluator {
 public:
  Evaluator(const GpuDevice& device, const TabulatedModel<T, F>& model, const RowEdges& edges, const F* extra,
            const Evaluation& out, int64_t centers_at_once)
      : device_(device),
        model_(model),
        tables_(make_tables(device, model.descriptor)),
        edges_(edges),
        extra_(extra),
        out_(out),
        max_centers_(std::min(std::max<int64_t>(centers_at_once, 1), edges.ncenters)) {
    const int64_t columns = model.descriptor.columns;
    t_ = device.allocate<T>(max_centers_ * 4 * columns);
    t_grad_ = device.allocate<T>(max_centers_ * 4 * columns);
    descriptors_ = device.allocate<F>(max_centers_ * model.descriptor.width());
    edge_grad_ = device.allocate<double>(3 * edges.nedge);
    too_near_ = device.allocate<Number>(1);
    check(cudaMemsetAsync(too_near_, 0xff, sizeof(Number), stream_of(device)), "cudaMemsetAsync");
  }

  /// Runs the evaluation. `frames.splits` is on the host.
  void run(const FrameSplits& frames) {
    if (model_.fitting.size() == 1) {
      fit_all(model_.fitting[0], nullptr, 0, edges_.ncenters);
    } else {
      const int64_t nnets = int64_t(model_.fitting.size());
      const Incoming by_type = incoming_items(device_, nnets, edges_.ncenters, edges_.type);
      const std::vector<int64_t> splits = read_back(device_, by_type.splits, nnets + 1);
      for (int64_t k = 0; k < nnets; ++k) fit_all(model_.fitting[k], by_type.items, splits[k], splits[k + 1]);
    }
    atom_forces(device_, edges_, edge_grad_, out_.force, out_.atom_virial);
    const int* splits = copy_to_device(device_, frames.splits, int64_t(frames.nframes) + 1);
    sum_frames(device_, {frames.nframes, splits}, edges_.natoms, out_.atom_virial, out_.virial);
    const Number edge = fetch(device_, static_cast<const Number*>(too_near_));
    if (edge != kNone) throw_edge(frames, int64_t(edge));
  }

 private:
  /// Evaluates the centers order[begin .. end), or [begin, end) if `order` is null, with one net, in chunks.
  void fit_all(const FittingNet<F>& net, const uint32_t* order, int64_t begin, int64_t end) {
    if (begin == end) return;
    const double* atom_bias = copy_to_device(device_, net.atom_bias, int64_t(tables_.codes.ntypes));
    ChunkFitting<F> fitting(device_, net, std::min(max_centers_, end - begin));
    for (int64_t first = begin; first < end; first += max_centers_) {
      const Chunk chunk{std::min(max_centers_, end - first), order != nullptr ? order + first : nullptr, first};
      descriptor_forward<T, F>(device_, tables_, edges_, chunk, t_, descriptors_, too_near_);
      fitting.run(chunk, edges_.type, extra_, atom_bias, descriptors_, out_.atom_energy);
      descriptor_backward<T, F>(device_, tables_, edges_, chunk, t_, descriptors_, t_grad_, edge_grad_);
    }
  }

  [[noreturn]] void throw_edge(const FrameSplits& frames, int64_t edge) const {
    const std::vector<int64_t> rows = read_back(device_, edges_.splits, edges_.ncenters + 1);
    const int64_t own = std::upper_bound(rows.begin(), rows.end(), edge) - rows.begin() - 1;
    const int64_t other = fetch(device_, edges_.neighbor + edge);
    const std::vector<double> vec = read_back(device_, edges_.vec + 3 * edge, 3);
    const int64_t frame = std::upper_bound(frames.splits, frames.splits + frames.nframes + 1, own) - frames.splits - 1;
    const int64_t first = frames.splits[frame];
    throw_too_near(model_.descriptor, tables_.end, fetch(device_, edges_.type + own),
                   {frame, own - first, other - first, vec.data()});
  }

  const GpuDevice& device_;
  const TabulatedModel<T, F>& model_;
  const DescriptorTables<T> tables_;
  const RowEdges edges_;
  const F* extra_;
  const Evaluation out_;
  const int64_t max_centers_;  // of a chunk
  T *t_, *t_grad_;
  F* descriptors_;
  double* edge_grad_;
  Number* too_near_;
};

/// Searches for the edges and then evaluates them.
template <typename T, typename F, typename Search>
void evaluate_rows(const GpuDevice& device, const TabulatedModel<T, F>& model, RowEdges edges,
                   const FrameSplits& frames, const F* extra, const Evaluation& out, int64_t centers_at_once,
                   const Search& search) {
  edges.natoms = frames.splits[frames.nframes];
  int64_t* splits = device.allocate<int64_t>(edges.ncenters + 1);
  EdgeRoom room{};
  const std::vector<int> max_neighbors = search(splits, [&](int64_t nedge) {
    edges.nedge = nedge;
    room = {device.allocate<int32_t>(nedge), device.allocate<double>(3 * nedge)};
    return room;
  });
  std::copy(max_neighbors.begin(), max_neighbors.end(), out.max_neighbors);
  edges.splits = splits;
  edges.neighbor = room.neighbor;
  edges.vec = room.edge_vec;
  Evaluator<T, F>(device, model, edges, extra, out, centers_at_once).run(frames);
}

}  // namespace

template <typename T, typename F>
void evaluate(const GpuDevice& device, const TabulatedModel<T, F>& model, const FrameBatch& batch, const F* extra,
              const Evaluation& out, int64_t centers_at_once) {
  RowEdges edges{};
  edges.ncenters = batch.frame_splits[batch.nframes];
  edges.type = batch.type;
  evaluate_rows(device, model, edges, {batch.nframes, batch.frame_splits}, extra, out, centers_at_once,
                [&](int64_t* splits, const MakeRoom& make_room) {
                  return batch_neighbors(device, batch, model.descriptor.cutoff.rcut, splits, make_room);
                });
}

template <typename T, typename F>
void evaluate(const GpuDevice& device, const TabulatedModel<T, F>& model, const NeighborList& list, const F* extra,
              const Evaluation& out, int64_t centers_at_once) {
  const int splits[2] = {0, int(list.nall)};
  RowEdges edges{};
  edges.ncenters = list.nloc;
  edges.type = list.type;
  evaluate_rows(device, model, edges, {1, splits}, extra, out, centers_at_once,
                [&](int64_t* rows, const MakeRoom& make_room) {
                  return listed_neighbors(device, list, model.descriptor.cutoff.rcut, rows, make_room);
                });
}

#define DEEPMD_INSTANTIATE(T, F)                                                                       \
  template void evaluate(const GpuDevice&, const TabulatedModel<T, F>&, const FrameBatch&, const F*,   \
                         const Evaluation&, int64_t);                                                  \
  template void evaluate(const GpuDevice&, const TabulatedModel<T, F>&, const NeighborList&, const F*, \
                         const Evaluation&, int64_t)
DEEPMD_INSTANTIATE(float, float);
DEEPMD_INSTANTIATE(float, double);
DEEPMD_INSTANTIATE(double, float);
DEEPMD_INSTANTIATE(double, double);

}  // namespace deepmd
