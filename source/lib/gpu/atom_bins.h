#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "deepmd/gpu_device.h"
#include "gpu/search_record.h"
#include "math/cell_bins.h"

namespace deepmd::gpu {

/// What 32 bits can count when a warp goes through runs of bins.
constexpr int64_t kMaxAtoms = int64_t(1) << 27;

/// One frame of a search.
struct SearchFrame {
  Cell cell;
  bool periodic[3];
  int64_t first_atom;    ///< in coord and type
  int64_t first_center;  ///< among the rows
  int64_t first_bin;
  int64_t offset;  ///< added to the index of an atom in its frame to give `neighbor`
  int nall;
  int nloc;
};

/// The frames of a search, on the host; coord and type are on the device.
struct SearchInput {
  std::vector<SearchFrame> frames;
  int64_t natoms;
  const double* coord;
  const int* type;
  double rcut;
  int ntypes;
};

/// The atoms of all frames bin by bin, as on the processor; all on the device.
struct AtomBins {
  int nframes;
  int64_t natoms;
  const SearchFrame* frames;  ///< [nframes]
  const Bins* bins;           ///< [nframes]
  const int64_t* begin;       ///< where the atoms of each bin begin
  const double *x, *y, *z;    ///< [natoms], Å, wrapped into the cell
  const double* place;        ///< [natoms, 3], in bins
  const int *type, *index;    ///< [natoms], index among the atoms of the frame
};

/// Sorts the atoms into bins and notes in the record those that cannot be used, which are then anywhere.
AtomBins sort_into_bins(const GpuDevice& device, const SearchInput& input, Number* record);

/// The frame that has this atom; frames without atoms are passed over.
__device__ __forceinline__ int frame_of_atom(int nframes, const SearchFrame* frames, int64_t atom) {
  int low = 0, high = nframes;
  while (high - low > 1) {
    const int middle = (low + high) / 2;
    if (frames[middle].first_atom <= atom) {
      low = middle;
    } else {
      high = middle;
    }
  }
  return low;
}

}  // namespace deepmd::gpu
