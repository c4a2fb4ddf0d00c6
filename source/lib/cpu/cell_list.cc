#include "cpu/cell_list.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <string>

#include "deepmd/error.h"

namespace deepmd {
namespace {

// Å; beyond this a position has lost the digits that a distance between atoms needs.
constexpr double kMaxCoordinate = 1e12;
// Beyond this many cells from the origin a position inside the cell has lost half of its digits.
constexpr double kMaxCellsAway = 2147483648.0;
// A cell so thin that a sphere of radius rcut spans more images than this is a mistake in the input.
constexpr double kMaxImages = 1e5;
// Rounding in a fractional coordinate, in bins, must not hide a bin.
constexpr double kBinMargin = 1e-6;

std::string number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.6g", value);
  return text;
}

int64_t floor_div(int64_t a, int64_t b) { return a >= 0 ? a / b : -((-a + b - 1) / b); }

}  // namespace

void check_coordinates(int64_t nall, const double* coord) {
  for (int64_t k = 0; k < 3 * nall; ++k) {
    if (!(std::abs(coord[k]) < kMaxCoordinate)) {
      throw InputError("atom " + std::to_string(k / 3) + ": coordinate " + "xyz"[k % 3] + " is " + number(coord[k]) +
                       ", expected a finite number below " + number(kMaxCoordinate) + " A");
    }
  }
}

CellList::CellList(int nall, const double* coord, const int* type, const double* cell,
                   const std::array<bool, 3>& periodic, double rcut)
    : periodic_(cell ? periodic : std::array<bool, 3>{false, false, false}), rcut_(rcut) {
  check_coordinates(nall, coord);
  std::vector<double> position(3 * size_t(nall));
  std::vector<double> frac(3 * size_t(nall));
  set_cell(cell);
  wrap(nall, coord, position, frac);
  choose_bins(nall, frac);
  sort_into_bins(nall, type, position, frac);
}

void CellList::set_cell(const double* cell) {
  for (int k = 0; k < 9; ++k) cell_.vectors[k / 3][k % 3] = cell ? cell[k] : 0.0;
  complete_axes(periodic_.data(), cell_.vectors);
  if (!finish_cell(cell_)) {
    std::string text;
    for (int k = 0; k < 9; ++k) text += (k ? " " : "") + number(cell[k]);
    throw InputError("the cell must be finite and have a volume, got [" + text + "]");
  }
  double images = 1;
  for (int k = 0; k < 3; ++k) {
    if (periodic_[k]) images *= 2 * std::ceil(rcut_ / cell_.height[k]) + 1;
  }
  if (images > kMaxImages) {
    throw InputError("the cell is too thin for the cutoff " + number(rcut_) + ": " + number(images) +
                     " images of every atom would be needed (heights " + number(cell_.height[0]) + " " +
                     number(cell_.height[1]) + " " + number(cell_.height[2]) + ")");
  }
}

void CellList::wrap(int nall, const double* coord, std::vector<double>& position, std::vector<double>& frac) {
  for (int i = 0; i < nall; ++i) {
    double* wrapped = &position[3 * size_t(i)];
    std::copy_n(coord + 3 * int64_t(i), 3, wrapped);
    // Twice, because subtracting many cells leaves a rounding error of its own.
    for (int pass = 0; pass < 2; ++pass) {
      for (int k = 0; k < 3; ++k) {
        const double f = fractional(cell_, k, wrapped);
        const double away = periodic_[k] ? std::floor(f) : 0.0;
        if (!(std::abs(away) < kMaxCellsAway)) {
          throw InputError("atom " + std::to_string(i) + " is " + number(f) + " cell vectors " + "abc"[k] +
                           " away from the origin, too far to know its place in the cell");
        }
        for (int a = 0; a < 3; ++a) wrapped[a] -= away * cell_.vectors[k][a];
      }
    }
    for (int k = 0; k < 3; ++k) frac[3 * size_t(i) + k] = fractional(cell_, k, wrapped);
  }
}

void CellList::choose_bins(int nall, const std::vector<double>& frac) {
  double extent[3] = {1, 1, 1};  // in fractional coordinates
  double volume = 1;
  for (int k = 0; k < 3; ++k) {
    if (!periodic_[k] && nall > 0) {
      double low = frac[k], high = frac[k];
      for (int i = 1; i < nall; ++i) {
        low = std::min(low, frac[3 * size_t(i) + k]);
        high = std::max(high, frac[3 * size_t(i) + k]);
      }
      origin_[k] = low;
      extent[k] = high - low;
    }
    volume *= extent[k] * cell_.height[k];
  }
  if (periodic_[0] && periodic_[1] && periodic_[2]) {
    expected_neighbors_ = nall * (4.0 / 3.0) * M_PI * rcut_ * rcut_ * rcut_ / volume;
  }
  // Bins of half the cutoff hug the sphere; where atoms are sparse, more bins than atoms only cost time.
  const double limit = 4.0 * nall + 8.0;
  double count[3];
  for (double width = 0.5 * rcut_;; width *= 1.25) {
    for (int k = 0; k < 3; ++k) {
      count[k] = std::clamp(std::floor(extent[k] * cell_.height[k] / width), 1.0, limit);
    }
    if (count[0] * count[1] * count[2] <= limit) break;
  }
  for (int k = 0; k < 3; ++k) {
    nbins_[k] = int64_t(count[k]);
    // With one bin along an open axis no place matters, and an extent near zero has no reciprocal.
    bins_per_fraction_[k] = periodic_[k] || count[k] > 1 ? count[k] / extent[k] : 0.0;
    reach_[k] = rcut_ / cell_.height[k] * bins_per_fraction_[k] + kBinMargin;
  }
}

void CellList::sort_into_bins(int nall, const int* type, const std::vector<double>& position,
                              const std::vector<double>& frac) {
  std::vector<int64_t> bin(nall);
  std::vector<double> place(3 * size_t(nall));
  bin_begin_.assign(size_t(nbins_[0] * nbins_[1] * nbins_[2]) + 1, 0);
  for (int i = 0; i < nall; ++i) {
    int64_t b = 0;
    for (int k = 0; k < 3; ++k) {
      const double p = (frac[3 * size_t(i) + k] - origin_[k]) * bins_per_fraction_[k];
      place[3 * size_t(i) + k] = p;
      b = b * nbins_[k] + std::clamp<int64_t>(int64_t(std::floor(p)), 0, nbins_[k] - 1);
    }
    bin[i] = b;
    ++bin_begin_[size_t(b) + 1];
  }
  for (size_t b = 1; b < bin_begin_.size(); ++b) bin_begin_[b] += bin_begin_[b - 1];
  std::vector<int> next(bin_begin_.begin(), bin_begin_.end() - 1);
  types_.assign(type, type + nall);
  std::sort(types_.begin(), types_.end());
  types_.erase(std::unique(types_.begin(), types_.end()), types_.end());
  slot_of_.resize(nall);
  index_.resize(nall);
  type_rank_.resize(nall);
  x_.resize(nall);
  y_.resize(nall);
  z_.resize(nall);
  place_.resize(3 * size_t(nall));
  for (int i = 0; i < nall; ++i) {
    const int slot = next[size_t(bin[i])]++;
    slot_of_[i] = slot;
    index_[slot] = i;
    type_rank_[slot] = int(std::lower_bound(types_.begin(), types_.end(), type[i]) - types_.begin());
    x_[slot] = position[3 * size_t(i)];
    y_[slot] = position[3 * size_t(i) + 1];
    z_[slot] = position[3 * size_t(i) + 2];
    std::copy_n(&place[3 * size_t(i)], 3, &place_[3 * size_t(slot)]);
  }
}

CellList::Range CellList::reach(int axis, double place) const {
  const double last = double(nbins_[axis] - 1);
  double low = std::floor(place - reach_[axis]);
  double high = std::floor(place + reach_[axis]);
  if (!periodic_[axis]) {
    low = std::clamp(low, 0.0, last);
    high = std::clamp(high, 0.0, last);
  }
  return {int64_t(low), int64_t(high)};
}

void Candidates::reserve(size_t more) {
  const size_t needed = size_t(count) + more;
  if (needed <= slot.size()) return;
  distance2.resize(2 * needed);
  slot.resize(2 * needed);
  image.resize(2 * needed);
}

void CellList::scan(int64_t first_bin, int64_t last_bin, const double shift[3], int slot, Candidates& found) const {
  const int begin = bin_begin_[size_t(first_bin)];
  const int end = bin_begin_[size_t(last_bin) + 1];
  const double rcut2 = rcut_ * rcut_;
  const int image = int(found.shifts.size() / 3) - 1;
  const double x0 = x_[slot], y0 = y_[slot], z0 = z_[slot];
  found.reserve(size_t(end - begin));
  double* distance2 = found.distance2.data();
  int *slots = found.slot.data(), *images = found.image.data();
  int count = found.count;
  // Every atom is stored and only those within the cutoff are kept, because a branch here would be mispredicted often.
  for (int s = begin; s < end; ++s) {
    const double x = (x_[s] - x0) + shift[0];
    const double y = (y_[s] - y0) + shift[1];
    const double z = (z_[s] - z0) + shift[2];
    distance2[count] = x * x + y * y + z * z;
    slots[count] = s;
    images[count] = image;
    count += distance2[count] < rcut2;
  }
  found.count = count;
}

void CellList::edge(int centre, const Candidates& found, int k, double vec[3]) const {
  const int slot = slot_of_[centre], other = found.slot[k];
  const double* shift = &found.shifts[3 * size_t(found.image[k])];
  vec[0] = (x_[other] - x_[slot]) + shift[0];
  vec[1] = (y_[other] - y_[slot]) + shift[1];
  vec[2] = (z_[other] - z_[slot]) + shift[2];
}

void CellList::find(int centre, Candidates& found) const {
  found.count = 0;
  found.shifts.clear();
  const int slot = slot_of_[centre];
  const double* place = &place_[3 * size_t(slot)];
  const Range x = reach(0, place[0]), y = reach(1, place[1]), z = reach(2, place[2]);
  for (int64_t bx = x.low; bx <= x.high; ++bx) {
    const int64_t ix = floor_div(bx, nbins_[0]);
    for (int64_t by = y.low; by <= y.high; ++by) {
      const int64_t iy = floor_div(by, nbins_[1]);
      const int64_t row = ((bx - ix * nbins_[0]) * nbins_[1] + (by - iy * nbins_[1])) * nbins_[2];
      for (int64_t iz = floor_div(z.low, nbins_[2]); iz * nbins_[2] <= z.high; ++iz) {
        double shift[3];
        for (int a = 0; a < 3; ++a) {
          shift[a] =
              double(ix) * cell_.vectors[0][a] + double(iy) * cell_.vectors[1][a] + double(iz) * cell_.vectors[2][a];
        }
        found.shifts.insert(found.shifts.end(), shift, shift + 3);
        const int64_t first = std::max(z.low - iz * nbins_[2], int64_t(0));
        const int64_t last = std::min(z.high - iz * nbins_[2], nbins_[2] - 1);
        scan(row + first, row + last, shift, slot, found);
        if (ix == 0 && iy == 0 && iz == 0) remove(slot, found);
      }
    }
  }
}

void CellList::remove(int slot, Candidates& found) {
  // The centre itself is among the last entries where its own bin was in the run just scanned.
  const int image = int(found.shifts.size() / 3) - 1;
  for (int k = found.count - 1; k >= 0 && found.image[k] == image; --k) {
    if (found.slot[k] != slot) continue;
    --found.count;
    for (; k < found.count; ++k) {
      found.distance2[k] = found.distance2[k + 1];
      found.slot[k] = found.slot[k + 1];
    }
    return;
  }
}

}  // namespace deepmd
