#include "gpu/atom_bins.h"

#include <string>

#include "gpu/launch.h"
#include "gpu/primitives.h"

namespace deepmd::gpu {
namespace {

/// Maps a floating-point value to an integer such that integers sort in the order of the values.
__device__ Number ordered(double value) {
  Number bits;
  memcpy(&bits, &value, sizeof bits);
  return bits >> 63 ? ~bits : bits | Number(1) << 63;
}
__device__ double from_ordered(Number bits) {
  bits = bits >> 63 ? bits & ~(Number(1) << 63) : ~bits;
  double value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

/// Initializes extents [nframes, 2, 3] to empty intervals.
__global__ void clear_extents(int nframes, Number* extents) {
  for (int64_t k = thread_index(); k < 6 * int64_t(nframes); k += thread_count()) {
    extents[k] = k % 6 < 3 ? kNone : 0;
  }
}

/// Wraps the atoms into their cells. Atoms that cannot be used are recorded and moved to the origin.
__global__ void __launch_bounds__(kThreads)
    wrap_atoms(int nframes, const SearchFrame* frames, int64_t natoms, const double* coord, const int* type, int ntypes,
               double* position, double* frac, Number* extents, Number* record) {
  for (int64_t i = thread_index(); i < natoms; i += thread_count()) {
    const int f = frame_of_atom(nframes, frames, i);
    double at[3], place[3] = {0, 0, 0};
    bool usable = true;
    for (int k = 0; k < 3; ++k) {
      at[k] = coord[3 * i + k];
      if (usable && !usable_coordinate(at[k])) {
        lower(&record[kBadCoordinate], Number(3 * i + k));
        usable = false;
      }
    }
    if (type[i] < 0 || type[i] >= ntypes) lower(&record[kBadType], Number(i));
    int axis = 0;
    if (usable && !wrap_position(frames[f].cell, frames[f].periodic, at, place, axis)) {
      lower(&record[kTooFar], Number(i));
      usable = false;
    }
    for (int k = 0; k < 3; ++k) {
      position[3 * i + k] = usable ? at[k] : 0;
      frac[3 * i + k] = usable ? place[k] : 0;
      if (frames[f].periodic[k]) continue;
      lower(&extents[6 * int64_t(f) + k], ordered(frac[3 * i + k]));
      raise(&extents[6 * int64_t(f) + 3 + k], ordered(frac[3 * i + k]));
    }
  }
}

__global__ void choose_all_bins(int nframes, const SearchFrame* frames, const Number* extents, double rcut,
                                Bins* bins) {
  for (int64_t f = thread_index(); f < nframes; f += thread_count()) {
    double low[3], high[3];
    for (int k = 0; k < 3; ++k) {
      low[k] = from_ordered(extents[6 * f + k]);
      high[k] = from_ordered(extents[6 * f + 3 + k]);
    }
    bins[f] = choose_bins(frames[f].cell, frames[f].periodic, frames[f].nall, low, high, rcut);
  }
}

__global__ void __launch_bounds__(kThreads)
    find_bins(int nframes, const SearchFrame* frames, const Bins* bins, int64_t natoms, const double* frac,
              uint32_t* bin, uint32_t* atom) {
  for (int64_t i = thread_index(); i < natoms; i += thread_count()) {
    const int f = frame_of_atom(nframes, frames, i);
    double place[3];
    for (int k = 0; k < 3; ++k) place[k] = bin_place(bins[f], k, frac[3 * i + k]);
    bin[i] = uint32_t(frames[f].first_bin + bin_at(bins[f], place));
    atom[i] = uint32_t(i);
  }
}

/// Finds the first atom of every bin, or of the next bin that is not empty.
__global__ void __launch_bounds__(kThreads)
    find_begins(int64_t nbins, int64_t natoms, const uint32_t* sorted_bin, int64_t* begin) {
  for (int64_t b = thread_index(); b <= nbins; b += thread_count()) {
    int64_t low = 0, high = natoms;
    while (low < high) {
      const int64_t middle = (low + high) / 2;
      if (int64_t(sorted_bin[middle]) < b) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    begin[b] = low;
  }
}

struct Stored {
  double *x, *y, *z, *place;
  int *type, *index;
};

__global__ void __launch_bounds__(kThreads)
    store_atoms(int nframes, const SearchFrame* frames, const Bins* bins, int64_t natoms, const uint32_t* atom,
                const double* position, const double* frac, const int* type, int ntypes, Stored out) {
  for (int64_t s = thread_index(); s < natoms; s += thread_count()) {
    const int64_t i = atom[s];
    const int f = frame_of_atom(nframes, frames, i);
    out.x[s] = position[3 * i];
    out.y[s] = position[3 * i + 1];
    out.z[s] = position[3 * i + 2];
    for (int k = 0; k < 3; ++k) out.place[3 * s + k] = bin_place(bins[f], k, frac[3 * i + k]);
    out.type[s] = type[i] >= 0 && type[i] < ntypes ? type[i] : 0;
    out.index[s] = int(i - frames[f].first_atom);
  }
}

}  // namespace

AtomBins sort_into_bins(const GpuDevice& device, const SearchInput& input, Number* record) {
  const int64_t natoms = input.natoms;
  if (natoms >= kMaxAtoms) {
    throw InputError("expected fewer than " + std::to_string(kMaxAtoms) + " atoms on one GPU, got " +
                     std::to_string(natoms));
  }
  const int nframes = int(input.frames.size());
  int64_t nbins = 0;
  std::vector<SearchFrame> host = input.frames;
  for (SearchFrame& frame : host) {
    frame.first_bin = nbins;
    nbins += max_bins(frame.nall);
  }
  const SearchFrame* frames = copy_to_device(device, host.data(), nframes);
  double *position = device.allocate<double>(3 * natoms), *frac = device.allocate<double>(3 * natoms);
  Number* extents = device.allocate<Number>(6 * int64_t(nframes));
  launch(device, grid_of_threads(6 * int64_t(nframes)), clear_extents, nframes, extents);
  launch(device, grid_of_threads(natoms), wrap_atoms, nframes, frames, natoms, input.coord, input.type, input.ntypes,
         position, frac, extents, record);
  Bins* bins = device.allocate<Bins>(nframes);
  launch(device, grid_of_threads(nframes), choose_all_bins, nframes, frames, static_cast<const Number*>(extents),
         input.rcut, bins);

  uint32_t *bin = device.allocate<uint32_t>(natoms), *sorted_bin = device.allocate<uint32_t>(natoms);
  uint32_t *atom = device.allocate<uint32_t>(natoms), *sorted_atom = device.allocate<uint32_t>(natoms);
  launch(device, grid_of_threads(natoms), find_bins, nframes, frames, static_cast<const Bins*>(bins), natoms,
         static_cast<const double*>(frac), bin, atom);
  sort_pairs<uint32_t>(device, natoms, bits_of(uint64_t(nbins)), bin, sorted_bin, atom, sorted_atom);
  int64_t* begin = device.allocate<int64_t>(nbins + 1);
  launch(device, grid_of_threads(nbins + 1), find_begins, nbins, natoms, static_cast<const uint32_t*>(sorted_bin),
         begin);
  const Stored out{device.allocate<double>(natoms), device.allocate<double>(natoms),
                   device.allocate<double>(natoms), device.allocate<double>(3 * natoms),
                   device.allocate<int>(natoms),    device.allocate<int>(natoms)};
  launch(device, grid_of_threads(natoms), store_atoms, nframes, frames, static_cast<const Bins*>(bins), natoms,
         static_cast<const uint32_t*>(sorted_atom), static_cast<const double*>(position),
         static_cast<const double*>(frac), input.type, input.ntypes, out);
  return {nframes, natoms, frames, bins, begin, out.x, out.y, out.z, out.place, out.type, out.index};
}

}  // namespace deepmd::gpu
