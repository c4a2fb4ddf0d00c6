#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "deepmd/gpu_device.h"
#include "gpu/search_record.h"
#include "math/cell_bins.h"

namespace deepmd::gpu {

/// Maximum number of atoms, so that a warp can count the candidates in its runs of bins with 32 bits.
constexpr int64_t kMaxAtoms = int64_t(1) << 27;

/// One frame of a search.
struct SearchFrame {
  Cell cell;
  bool periodic[3];
  int64_t first_atom;    ///< in coord and type
  int64_t first_center;  ///< row of the first center
  int64_t first_bin;
  int64_t offset;  ///< added to the index of an atom in its frame to get `neighbor`
  int nall;
  int nloc;
};

/// Frames of a search, on the host; coord and type are on the device.
struct SearchInput {
  std::vector<SearchFrame> frames;
  int64_t natoms;
  const double* coord;
  const int* type;
  double rcut;
  int ntypes;
};

/// Atoms of all frames sorted by bin, in the same order as on the CPU; all arrays are on the device.
struct AtomBins {
  int nframes;
  int64_t natoms;
  const SearchFrame* frames;  ///< [nframes]
  const Bins* bins;           ///< [nframes]
  const int64_t* begin;       ///< first atom of each bin
  const double *x, *y, *z;    ///< [natoms], Å, wrapped into the cell
  const double* place;        ///< [natoms, 3], in bins
  const int *type, *index;    ///< [natoms], index among the atoms of the frame
};

/// Sorts the atoms into bins. Atoms that cannot be used are written to the record; their bins are unspecified.
AtomBins sort_into_bins(const GpuDevice& device, const SearchInput& input, Number* record);

/// Returns the frame that contains this atom, ignoring frames without atoms.
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
