// Bytes as frames: which axes repeat, the cutoff, a cell and coordinates; all neighbors are looked for.
#include "deepmd/neighbors.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "deepmd/error.h"

namespace {

constexpr size_t kMaxAtoms = 8;
constexpr int kTypes = 3;

/// What is found must be within the cutoff, sorted, and mutual.
void check(const deepmd::Neighbors& found, size_t natoms, double rcut) {
  const auto nedge = found.edge_splits.back();
  bool good = found.edge_splits.size() == natoms + 1 && int64_t(found.neighbor.size()) == nedge &&
              int64_t(found.edge_vec.size()) == 3 * nedge;
  for (int64_t e = 0; good && e < nedge; ++e) {
    const double* v = &found.edge_vec[size_t(3 * e)];
    const double r = std::sqrt(v[0] * v[0] + v[1] * v[1] + v[2] * v[2]);
    good = found.neighbor[size_t(e)] >= 0 && size_t(found.neighbor[size_t(e)]) < natoms && r < rcut * (1 + 1e-12);
  }
  if (!good) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const uint8_t flags = data[0];
  const double rcut = 0.1 * (1 + data[1]);
  std::vector<double> numbers((size - 2) / sizeof(double));
  if (!numbers.empty()) std::memcpy(numbers.data(), data + 2, numbers.size() * sizeof(double));
  double cell[9] = {};
  for (size_t k = 0; k < 9 && k < numbers.size(); ++k) cell[k] = numbers[k];
  std::vector<double> coord(numbers.begin() + std::ptrdiff_t(std::min<size_t>(9, numbers.size())), numbers.end());
  const size_t natoms = std::min(coord.size() / 3, kMaxAtoms);
  std::vector<int> type(natoms);
  for (size_t i = 0; i < natoms; ++i) type[i] = int((flags >> 3) + i) % kTypes;
  const deepmd::CpuDevice device = deepmd::CpuDevice::threads(1);
  const deepmd::Atoms atoms{1, int(natoms), int(natoms), coord.data(), type.data()};
  const deepmd::Cells cells{cell, {(flags & 1) != 0, (flags & 2) != 0, (flags & 4) != 0}};
  try {
    check(deepmd::periodic_neighbors(device, atoms, cells, rcut), natoms, rcut);
  } catch (const deepmd::InputError&) {
  }
  try {
    check(deepmd::open_neighbors(device, atoms, rcut), natoms, rcut);
  } catch (const deepmd::InputError&) {
  }
  return 0;
}
