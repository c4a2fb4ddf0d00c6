#include "deepmd/edges.h"

#include <string>

#include "checks/search.h"
#include "deepmd/checks.h"
#include "deepmd/neighbors.h"

namespace deepmd {

void check_edge_splits(int64_t ncenters, const int64_t* edge_splits, int64_t nedge) {
  check_splits("edge_splits", "edges", ncenters, edge_splits, nedge);
}

void check_frame_splits(int nframes, const int* frame_splits, int64_t natoms) {
  check_splits("frame_splits", "atoms", nframes, frame_splits, natoms);
}

void check_edge_natoms(const EdgeList& edges) {
  if (edges.natoms >= edges.ncenters) return;
  throw InputError("natoms: expected at least the number of centers, " + std::to_string(edges.ncenters) + ", got " +
                   std::to_string(edges.natoms));
}

void check_types(const Atoms& atoms, int ntypes) {
  for (int64_t k = 0; k < int64_t(atoms.nframes) * atoms.nall; ++k) {
    check_type(atoms.type[k], ntypes, k / atoms.nall, k % atoms.nall);
  }
}

}  // namespace deepmd
