#pragma once

#include <cstdint>

#include "gpu/atom_bins.h"
#include "gpu/row_buffer.h"

namespace deepmd::gpu {

/// Runs of bins that one warp visits together. Each is a run of atoms in one image of the cell.
struct Runs {
  double shift[kWarp][3];  ///< Å
  uint32_t end[kWarp];     ///< number of candidates in this run and all runs before it
  uint32_t stored[kWarp];  ///< add to the index of a candidate, modulo 2^32, to get the index of the stored atom
  bool home[kWarp];        ///< true if the image is the cell itself
};
static_assert(kWarp * (kMaxAtoms - 1) < int64_t(1) << 32);

/// Visits every atom in the bins that intersect the cutoff sphere of a center, in the same order as on the CPU. All
/// lanes call visit(bool valid, uint32_t stored, const double vec[3]) together.
template <typename Visit>
__device__ __forceinline__ void visit_candidates(const AtomBins& atoms, uint32_t center, int frame_index, Runs& runs,
                                                 const Visit& visit) {
  const SearchFrame& frame = atoms.frames[frame_index];
  const Bins& bins = atoms.bins[frame_index];
  BinRange range[3];
  for (int k = 0; k < 3; ++k)
    range[k] = bins_in_reach(bins, frame.periodic[k], k, atoms.place[3 * int64_t(center) + k]);
  const int64_t n0 = bins.count[0], n1 = bins.count[1], n2 = bins.count[2];
  const int64_t first_image = floor_div(range[2].low, n2), nz = floor_div(range[2].high, n2) - first_image + 1;
  const int64_t ny = range[1].high - range[1].low + 1, nruns = (range[0].high - range[0].low + 1) * ny * nz;
  const double own[3] = {atoms.x[center], atoms.y[center], atoms.z[center]};
  const int lane = lane_index();
  for (int64_t first_run = 0; first_run < nruns; first_run += kWarp) {
    const int64_t r = first_run + lane;
    uint32_t begin = 0, length = 0;
    if (r < nruns) {
      const int64_t row = quotient(r, nz), iz = r - row * nz + first_image, along_x = quotient(row, ny);
      const int64_t bx = along_x + range[0].low, by = row - along_x * ny + range[1].low;
      const int64_t ix = floor_div(bx, n0), iy = floor_div(by, n1);
      const int64_t low = range[2].low - iz * n2, high = range[2].high - iz * n2;
      const int64_t bin = frame.first_bin + ((bx - ix * n0) * n1 + (by - iy * n1)) * n2;
      begin = uint32_t(atoms.begin[bin + (low > 0 ? low : 0)]);
      length = uint32_t(atoms.begin[bin + (high < n2 - 1 ? high : n2 - 1) + 1]) - begin;
      image_shift(frame.cell, ix, iy, iz, runs.shift[lane]);
      runs.home[lane] = ix == 0 && iy == 0 && iz == 0;
    }
    const uint32_t end = lane_sums(length), total = __shfl_sync(kAllLanes, end, kWarp - 1);
    runs.end[lane] = end;
    runs.stored[lane] = begin - (end - length);
    __syncwarp();
    int run = 0;
    for (uint32_t first = 0; first < total; first += kWarp) {
      const uint32_t k = first + lane;
      bool valid = k < total;
      uint32_t stored = center;
      double vec[3] = {0, 0, 0};
      if (valid) {
        while (k >= runs.end[run]) ++run;
        stored = k + runs.stored[run];
        vec[0] = (atoms.x[stored] - own[0]) + runs.shift[run][0];
        vec[1] = (atoms.y[stored] - own[1]) + runs.shift[run][1];
        vec[2] = (atoms.z[stored] - own[2]) + runs.shift[run][2];
        valid = stored != center || !runs.home[run];
      }
      visit(valid, stored, vec);
    }
    __syncwarp();
  }
}

}  // namespace deepmd::gpu
