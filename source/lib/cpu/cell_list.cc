#include "cpu/cell_list.h"

#include <algorithm>

#include "checks/search.h"

namespace deepmd {

void check_coordinates(int64_t nall, const double* coord) {
  for (int64_t k = 0; k < 3 * nall; ++k) {
    if (!usable_coordinate(coord[k])) throw_coordinate(k / 3, int(k % 3), coord[k]);
  }
}

CellList::CellList(int nall, const double* coord, const int* type, const double* cell,
                   const std::array<bool, 3>& periodic, double rcut)
    : periodic_(cell ? periodic : std::array<bool, 3>{false, false, false}), rcut_(rcut) {
  check_coordinates(nall, coord);
  std::vector<double> position(3 * size_t(nall));
  std::vector<double> frac(3 * size_t(nall));
  cell_ = usable_cell(cell, periodic_.data(), rcut);
  wrap(nall, coord, position, frac);
  choose_bins(nall, frac);
  sort_into_bins(nall, type, position, frac);
}

void CellList::wrap(int nall, const double* coord, std::vector<double>& position, std::vector<double>& frac) {
  for (int i = 0; i < nall; ++i) {
    double *wrapped = &position[3 * size_t(i)], *place = &frac[3 * size_t(i)];
    std::copy_n(coord + 3 * int64_t(i), 3, wrapped);
    int axis = 0;
    if (!wrap_position(cell_, periodic_.data(), wrapped, place, axis)) throw_too_far(i, axis, place[axis]);
  }
}

void CellList::choose_bins(int nall, const std::vector<double>& frac) {
  double low[3] = {}, high[3] = {};
  for (int k = 0; k < 3 && nall > 0; ++k) {
    low[k] = high[k] = frac[k];
    for (int i = 1; i < nall; ++i) {
      low[k] = std::min(low[k], frac[3 * size_t(i) + k]);
      high[k] = std::max(high[k], frac[3 * size_t(i) + k]);
    }
  }
  if (periodic_[0] && periodic_[1] && periodic_[2]) {
    expected_neighbors_ = deepmd::expected_neighbors(cell_, nall, rcut_);
  }
  bins_ = deepmd::choose_bins(cell_, periodic_.data(), nall, low, high, rcut_);
}

void CellList::sort_into_bins(int nall, const int* type, const std::vector<double>& position,
                              const std::vector<double>& frac) {
  std::vector<int64_t> bin(nall);
  std::vector<double> place(3 * size_t(nall));
  bin_begin_.assign(size_t(bins_.count[0] * bins_.count[1] * bins_.count[2]) + 1, 0);
  for (int i = 0; i < nall; ++i) {
    double* at = &place[3 * size_t(i)];
    for (int k = 0; k < 3; ++k) at[k] = bin_place(bins_, k, frac[3 * size_t(i) + k]);
    const int64_t b = bin_at(bins_, at);
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

void CellList::edge(int center, const Candidates& found, int k, double vec[3]) const {
  const int slot = slot_of_[center], other = found.slot[k];
  const double* shift = &found.shifts[3 * size_t(found.image[k])];
  vec[0] = (x_[other] - x_[slot]) + shift[0];
  vec[1] = (y_[other] - y_[slot]) + shift[1];
  vec[2] = (z_[other] - z_[slot]) + shift[2];
}

void CellList::find(int center, Candidates& found) const {
  found.count = 0;
  found.shifts.clear();
  const int slot = slot_of_[center];
  const double* place = &place_[3 * size_t(slot)];
  BinRange range[3];
  for (int k = 0; k < 3; ++k) range[k] = bins_in_reach(bins_, periodic_[k], k, place[k]);
  const auto [x, y, z] = range;
  for (int64_t bx = x.low; bx <= x.high; ++bx) {
    const int64_t ix = floor_div(bx, bins_.count[0]);
    for (int64_t by = y.low; by <= y.high; ++by) {
      const int64_t iy = floor_div(by, bins_.count[1]);
      const int64_t row = ((bx - ix * bins_.count[0]) * bins_.count[1] + (by - iy * bins_.count[1])) * bins_.count[2];
      for (int64_t iz = floor_div(z.low, bins_.count[2]); iz * bins_.count[2] <= z.high; ++iz) {
        double shift[3];
        image_shift(cell_, ix, iy, iz, shift);
        found.shifts.insert(found.shifts.end(), shift, shift + 3);
        const int64_t first = std::max(z.low - iz * bins_.count[2], int64_t(0));
        const int64_t last = std::min(z.high - iz * bins_.count[2], bins_.count[2] - 1);
        scan(row + first, row + last, shift, slot, found);
        if (ix == 0 && iy == 0 && iz == 0) remove(slot, found);
      }
    }
  }
}

void CellList::remove(int slot, Candidates& found) {
  // The center itself is among the last entries where its own bin was in the run just scanned.
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
