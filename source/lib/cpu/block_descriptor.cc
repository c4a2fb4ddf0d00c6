#include "cpu/block_descriptor.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "checks/too_near.h"
#include "cpu/edge_scatter.h"
#include "cpu/isa/loops.h"
#include "deepmd/error.h"
#include "math/panels.h"

namespace deepmd {
namespace {

template <typename T>
[[noreturn]] void throw_pair(const DescriptorPlan<T>& plan, const BlockEdges& edges, int64_t center, int64_t edge) {
  const int64_t own = edges.center[center], frame = frame_of(plan.frames, own), first = plan.frames.splits[frame];
  throw_too_near(plan.descriptor, plan.end, edges.type[own],
                 {frame, own - first, edges.rows.neighbor[edge] - first, &edges.rows.edge_vec[3 * edge]});
}

template <typename T>
EdgeRows edge_rows_of(const DescriptorPlan<T>& plan, const BlockEdges& edges) {
  EdgeRows result{};
  result.ncenters = edges.ncenters;
  result.nedge = edges.nedge();
  result.edge_splits = edges.splits.data();
  result.type = edges.center_type.data();
  result.edge_vec = edges.rows.edge_vec.data();
  set_normalization(plan.descriptor, result);
  return result;
}

}  // namespace

template <typename T>
DescriptorPlan<T>::DescriptorPlan(const TabulatedDescriptor<T>& descriptor, const FrameSplits& frames)
    : descriptor(descriptor), packed{descriptor.columns, descriptor.axis}, frames(frames) {
  const Panels& panels = descriptor.panels;
  check_panels(panels, 1);
  for (int64_t code = 0; code < count_codes(descriptor.codes); ++code) {
    for (int panel = 0; panel < descriptor.npanels; ++panel) {
      const Interval interval = interval_of(panel, panels);
      start.push_back(interval.start);
      width.push_back(interval.width);
    }
  }
  end = start.back() + width.back();
  const int ntypes = descriptor.codes.ntypes;
  const int64_t columns = descriptor.columns;
  int64_t slots = 0;
  for (int type = 0; type < ntypes; ++type) slots += descriptor.sel[type];
  scale = T(1) / T(slots);
  all_empty.assign(ntypes * columns, T(0));
  for (int64_t center = 0; center < ntypes; ++center) {
    for (int type = 0; type < ntypes; ++type) {
      const T* empty = descriptor.empty + (center * ntypes + type) * columns;
      for (int64_t m = 0; m < columns; ++m) all_empty[center * columns + m] += T(descriptor.sel[type]) * empty[m];
    }
  }
}

template <typename T>
void BlockDescriptor<T>::find_rows(const DescriptorPlan<T>& plan, const BlockEdges& edges) {
  rows_.resize(4 * edges.nedge());
  edge_rows(CpuDevice(), edge_rows_of(plan, edges), rows_.data());
}

template <typename T>
void BlockDescriptor<T>::find_runs(const DescriptorPlan<T>& plan, const BlockEdges& edges, int64_t center) {
  const TabulatedDescriptor<T>& d = plan.descriptor;
  const int center_type = edges.center_type[center];
  filled_.assign(d.codes.ntypes, 0);
  int32_t last = -1;  // cell of the edge before this one
  for (int64_t e = edges.splits[center]; e < edges.splits[center + 1]; ++e) {
    const int neighbor_type = edges.type[edges.rows.neighbor[e]];
    if (!interacts(center_type, neighbor_type, d.codes)) {
      last = -1;
      continue;
    }
    ++filled_[neighbor_type];
    const double s = rows_[4 * e];
    if (!(s < plan.end)) throw_pair(plan, edges, center, e);
    const int64_t panel = std::min<int64_t>(panel_of(s, d.panels), d.npanels - 1);
    const int32_t cell = int32_t(code_of(center_type, neighbor_type, d.codes) * d.npanels + panel);
    if (cell == last) {
      run_edges_.back() = e + 1;
      continue;
    }
    run_cell_.push_back(cell);
    run_center_.push_back(int32_t(center));
    run_edges_.insert(run_edges_.end(), {e, e + 1});
    last = cell;
  }
}

/// What centers share of the table stays near when their runs are taken cell by cell.
template <typename T>
void BlockDescriptor<T>::sort_runs(const DescriptorPlan<T>& plan) {
  const TabulatedDescriptor<T>& d = plan.descriptor;
  const int64_t ncell = int64_t(plan.start.size());
  cell_terms_.resize(ncell, 0);
  cell_begin_.assign(ncell + 1, 0);
  for (const int32_t cell : run_cell_) ++cell_begin_[cell + 1];
  for (int64_t c = 0; c < ncell; ++c) {
    if (cell_begin_[c + 1] > 0 && cell_terms_[c] == 0) {
      cell_terms_[c] = uint8_t(significant_terms(d.terms, d.columns, d.table + c * d.terms * d.columns));
    }
    cell_begin_[c + 1] += cell_begin_[c];
  }
  by_cell_.resize(run_cell_.size());
  for (size_t k = 0; k < run_cell_.size(); ++k) by_cell_[cell_begin_[run_cell_[k]]++] = int32_t(k);
}

template <typename T>
void BlockDescriptor<T>::add_empty(const DescriptorPlan<T>& plan, int center_type, T* t) const {
  const int ntypes = plan.descriptor.codes.ntypes;
  const int64_t columns = plan.descriptor.columns;
  const T* all = plan.all_empty.data() + center_type * columns;
  for (int64_t m = 0; m < columns; ++m) t[m] += all[m];
  for (int type = 0; type < ntypes; ++type) {
    if (filled_[type] == 0) continue;
    const T count = T(filled_[type]);
    const T* empty = plan.descriptor.empty + (int64_t(center_type) * ntypes + type) * columns;
    for (int64_t m = 0; m < columns; ++m) t[m] -= count * empty[m];
  }
}

template <typename T>
Contraction BlockDescriptor<T>::shape(const DescriptorPlan<T>& plan, const BlockEdges& edges) const {
  Contraction shape{};
  shape.ncenters = edges.ncenters;
  shape.nedge = edges.nedge();
  shape.rows = rows_.data();
  shape.ncell = int64_t(plan.start.size());
  shape.start = plan.start.data();
  shape.width = plan.width.data();
  shape.run_edges = run_edges_.data();
  shape.run_cell = run_cell_.data();
  shape.run_center = run_center_.data();
  shape.cell_terms = cell_terms_.data();
  shape.terms = plan.descriptor.terms;
  shape.columns = plan.descriptor.columns;
  return shape;
}

template <typename T>
void BlockDescriptor<T>::forward(const DescriptorPlan<T>& plan, const BlockEdges& edges, T* descriptors) {
  const TabulatedDescriptor<T>& d = plan.descriptor;
  const int64_t size = 4 * d.columns;
  find_rows(plan, edges);
  t_.resize(edges.ncenters * size);
  run_edges_.clear();
  run_cell_.clear();
  run_center_.clear();
  for (int64_t i = 0; i < edges.ncenters; ++i) {
    T* t = t_.data() + i * size;
    find_runs(plan, edges, i);
    std::fill_n(t, size, T(0));
    add_empty(plan, edges.center_type[i], t);
  }
  sort_runs(plan);
  loops().contract<T>().forward(shape(plan, edges), by_cell_.data(), int64_t(by_cell_.size()), nullptr, d.table,
                                t_.data());
  const SquareShape squares{plan.packed, edges.ncenters};
  work_.resize(squares.work());
  loops().square<T>().forward(squares, t_.data(), plan.scale, work_.data(), descriptors, padded(edges.ncenters));
}

template <typename T>
void BlockDescriptor<T>::backward(const DescriptorPlan<T>& plan, const BlockEdges& edges, const T* grad,
                                  double* edge_grad) {
  const TabulatedDescriptor<T>& d = plan.descriptor;
  const int64_t size = 4 * d.columns;
  t_grad_.resize(edges.ncenters * size);
  loops().square<T>().backward({plan.packed, edges.ncenters}, t_.data(), plan.scale, work_.data(), grad,
                               padded(edges.ncenters), t_grad_.data());
  rows_grad_.assign(4 * edges.nedge(), 0.0);
  loops().contract<T>().to_rows(shape(plan, edges), by_cell_.data(), int64_t(by_cell_.size()), t_grad_.data(), d.table,
                                rows_grad_.data());
  edge_rows_grad(CpuDevice(), edge_rows_of(plan, edges), rows_grad_.data(), edge_grad);
}

template struct DescriptorPlan<float>;
template struct DescriptorPlan<double>;
template class BlockDescriptor<float>;
template class BlockDescriptor<double>;

}  // namespace deepmd
