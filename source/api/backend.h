#pragma once

#include <string>
#include <vector>

#include "deepmd/evaluate.h"
#include "deepmd/neighbors.h"
#include "graph_file.h"

namespace deepmd {

/// What a graph's constants say of its model.
struct GraphFacts {
  explicit GraphFacts(const GraphFile& graph);

  std::vector<std::string> type_map;
  double cutoff;         ///< Å
  std::vector<int> sel;  ///< empty when the graph does not tell
  int numb_fparam, numb_aparam;

  int ntypes() const { return int(type_map.size()); }
};

/// Frame and atomic parameters, [nframes, numb_fparam] and [ncenters, numb_aparam]; null where there are none.
struct Parameters {
  const double* fparam;
  const double* aparam;
};

/// Evaluates one graph; sizes have been checked. All frames of a batch have the types of the first.
class Backend {
 public:
  virtual ~Backend() = default;
  virtual void evaluate(const FrameBatch& batch, const Parameters& parameters, const Evaluation& out) = 0;
  virtual void evaluate(const NeighborList& list, const Parameters& parameters, const Evaluation& out) = 0;
  /// Whether neighbors beyond sel count.
  virtual bool counts_all_neighbors() const = 0;
};

}  // namespace deepmd
