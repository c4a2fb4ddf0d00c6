#include "deepmd/radial_cells.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "deepmd/error.h"
#include "math/panels.h"

namespace deepmd {
namespace {

constexpr int64_t kNanosecondsPerEdge = 8;
constexpr int64_t kCentersPerBlock = 64;

/// The runs of a block of centers; `key` numbers cells as code * npanels + panel, with npanels not known yet.
struct Block {
  std::vector<int32_t> sizes;  // runs of each center
  std::vector<int64_t> edges;
  std::vector<int32_t> code, panel;
};

void find_runs(const EdgeTypes& edges, const double* rows, const Codes& codes, const Panels& panels, int64_t center,
               Block& block) {
  const int center_type = edges.type[center];
  const size_t before = block.code.size();
  bool open = false;  // whether the edge before this one was in a cell
  for (int64_t e = edges.edge_splits[center]; e < edges.edge_splits[center + 1]; ++e) {
    const int neighbor_type = edges.type[edges.neighbor[e]];
    if (!interacts(center_type, neighbor_type, codes)) {
      open = false;
      continue;
    }
    const int code = code_of(center_type, neighbor_type, codes);
    const bool single = panels.per_octave == 0;
    const int panel = single ? 0 : panel_of(rows[4 * e], panels);
    if (open && !single && block.code.back() == code && block.panel.back() == panel) {
      block.edges.back() = e + 1;
      continue;
    }
    block.code.push_back(code);
    block.panel.push_back(panel);
    block.edges.insert(block.edges.end(), {e, e + 1});
    open = true;
  }
  block.sizes.push_back(int32_t(block.code.size() - before));
}

void check_rows(const CpuDevice& device, int64_t nedge, const double* rows) {
  device.parallel_for(nedge, 1, [&](int64_t begin, int64_t end) {
    for (int64_t e = begin; e < end; ++e) {
      if (!std::isfinite(rows[4 * e])) {
        throw InputError("edge " + std::to_string(e) + ": its environment row is not finite");
      }
    }
  });
}

/// Numbers the cells that hold runs, in order of code and panel, and says where they lie.
void number_cells(const std::vector<Block>& blocks, const Codes& codes, const Panels& panels, RadialCells& result) {
  int last = -1;
  for (const Block& block : blocks) {
    for (const int panel : block.panel) last = std::max(last, panel);
  }
  const int64_t npanels = last + 1;
  const int64_t ncodes = count_codes(codes);
  std::vector<int32_t> number(ncodes * npanels, -1);
  for (const Block& block : blocks) {
    for (size_t k = 0; k < block.code.size(); ++k) number[block.code[k] * npanels + block.panel[k]] = 0;
  }
  for (int64_t key = 0; key < ncodes * npanels; ++key) {
    if (number[key] < 0) continue;
    number[key] = int32_t(result.code.size());
    const Interval panel = interval_of(int(key % npanels), panels);
    result.code.push_back(int32_t(key / npanels));
    result.width.push_back(panel.width);
    result.start.push_back(panel.start);
  }
  for (const Block& block : blocks) {
    for (size_t k = 0; k < block.code.size(); ++k) {
      result.run_cell.push_back(number[block.code[k] * npanels + block.panel[k]]);
    }
  }
}

/// Gives every run, which is one edge, a cell of its own.
void number_edges(const std::vector<Block>& blocks, const double* rows, RadialCells& result) {
  for (const Block& block : blocks) {
    for (size_t k = 0; k < block.code.size(); ++k) {
      result.run_cell.push_back(int32_t(result.code.size()));
      result.code.push_back(block.code[k]);
      result.start.push_back(rows[4 * block.edges[2 * k]] - 1);
      result.width.push_back(2);
    }
  }
}

void sort_by_cell(RadialCells& result) {
  const size_t nrun = result.run_cell.size();
  result.cell_splits.assign(result.code.size() + 1, 0);
  for (const int32_t cell : result.run_cell) ++result.cell_splits[cell + 1];
  for (size_t c = 0; c < result.code.size(); ++c) result.cell_splits[c + 1] += result.cell_splits[c];
  std::vector<int64_t> next(result.cell_splits.begin(), result.cell_splits.end() - 1);
  result.cell_runs.resize(nrun);
  for (size_t k = 0; k < nrun; ++k) result.cell_runs[next[result.run_cell[k]]++] = int32_t(k);
}

}  // namespace

RadialCells radial_cells(const CpuDevice& device, const EdgeTypes& edges, const double* rows, const Codes& codes,
                         const Panels& panels) {
  check_panels(panels, 0);
  const int64_t nedge = edges.nedge;
  check_rows(device, nedge, rows);
  const int64_t nblocks = (edges.ncenters + kCentersPerBlock - 1) / kCentersPerBlock;
  std::vector<Block> blocks(nblocks);
  const int64_t cost = kNanosecondsPerEdge * kCentersPerBlock * (nedge / (edges.ncenters + 1) + 1);
  device.parallel_for(nblocks, cost, [&](int64_t begin, int64_t end) {
    for (int64_t b = begin; b < end; ++b) {
      const int64_t last = std::min((b + 1) * kCentersPerBlock, edges.ncenters);
      for (int64_t i = b * kCentersPerBlock; i < last; ++i) find_runs(edges, rows, codes, panels, i, blocks[b]);
    }
  });

  RadialCells result;
  result.run_splits.push_back(0);
  for (const Block& block : blocks) {
    for (const int32_t size : block.sizes) {
      result.run_center.insert(result.run_center.end(), size, int32_t(result.run_splits.size() - 1));
      result.run_splits.push_back(result.run_splits.back() + size);
    }
    result.run_edges.insert(result.run_edges.end(), block.edges.begin(), block.edges.end());
  }
  if (panels.per_octave > 0) {
    number_cells(blocks, codes, panels, result);
  } else {
    number_edges(blocks, rows, result);
  }
  sort_by_cell(result);
  return result;
}

std::unique_ptr<bool[]> interacting_matrix(int ntypes, const std::vector<int64_t>& exclude_types) {
  if (exclude_types.size() % 2 != 0) {
    throw InputError("exclude_types: expected pairs of types, got " + std::to_string(exclude_types.size()) +
                     " numbers");
  }
  const int64_t n = ntypes;
  std::unique_ptr<bool[]> result(new bool[size_t(n * n)]);
  std::fill_n(result.get(), n * n, true);
  for (size_t k = 0; k < exclude_types.size(); k += 2) {
    const int64_t a = exclude_types[k], b = exclude_types[k + 1];
    if (a < 0 || a >= n || b < 0 || b >= n) {
      throw InputError("exclude_types: expected types in [0, " + std::to_string(n) + "), got " + std::to_string(a) +
                       " and " + std::to_string(b));
    }
    result[size_t(a * n + b)] = result[size_t(b * n + a)] = false;
  }
  return result;
}

TypeCounts count_types(const EdgeTypes& edges, const Codes& codes) {
  TypeCounts result;
  for (int64_t i = 0; i < edges.ncenters; ++i) {
    const int center_type = edges.type[i];
    int last = -1;  // rows are sorted by type
    for (int64_t e = edges.edge_splits[i]; e < edges.edge_splits[i + 1]; ++e) {
      const int neighbor_type = edges.type[edges.neighbor[e]];
      if (neighbor_type == last) {
        ++result.count.back();
        continue;
      }
      if (!interacts(center_type, neighbor_type, codes)) continue;
      last = neighbor_type;
      result.center.push_back(int32_t(i));
      result.pair.push_back(center_type * codes.ntypes + neighbor_type);
      result.count.push_back(1);
    }
  }
  return result;
}

}  // namespace deepmd
