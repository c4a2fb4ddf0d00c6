#include "checks/search.h"

#include <cmath>
#include <cstdio>

#include "deepmd/error.h"
#include "math/cell_bins.h"

namespace deepmd {
namespace {

// If a sphere of radius rcut spans more images than this, the cell is a mistake in the input.
constexpr double kMaxImages = 1e5;

std::string number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.6g", value);
  return text;
}

}  // namespace

std::string frame_name(int64_t frame) { return "frame " + std::to_string(frame) + ", "; }

void check_rcut(double rcut) {
  if (!(rcut > 0) || !std::isfinite(rcut)) {
    throw InputError("rcut must be positive and finite, got " + std::to_string(rcut));
  }
}

std::string atom_name(int64_t atom) { return "atom " + std::to_string(atom); }

void throw_type(const std::string& atom, int type, int ntypes) {
  throw InputError(atom + ": expected a type in [0, " + std::to_string(ntypes) + "), got " + std::to_string(type));
}

void check_type(int type, int ntypes, int64_t frame, int64_t atom) {
  if (type < 0 || type >= ntypes) throw_type(frame_name(frame) + atom_name(atom), type, ntypes);
}

Cell usable_cell(const double* vectors, const bool periodic[3], double rcut) {
  Cell cell;
  for (int k = 0; k < 9; ++k) cell.vectors[k / 3][k % 3] = vectors ? vectors[k] : 0.0;
  complete_axes(periodic, cell.vectors);
  if (!finish_cell(cell)) {
    std::string text;
    for (int k = 0; k < 9; ++k) text += (k ? " " : "") + number(vectors[k]);
    throw InputError("the cell must be finite and have a volume, got [" + text + "]");
  }
  double images = 1;
  for (int k = 0; k < 3; ++k) {
    if (periodic[k]) images *= 2 * std::ceil(rcut / cell.height[k]) + 1;
  }
  if (images > kMaxImages) {
    throw InputError("the cell is too thin for the cutoff " + number(rcut) + ": " + number(images) +
                     " images of every atom would be needed (heights " + number(cell.height[0]) + " " +
                     number(cell.height[1]) + " " + number(cell.height[2]) + ")");
  }
  return cell;
}

void throw_coordinate(int64_t atom, int axis, double value) {
  throw InputError("atom " + std::to_string(atom) + ": coordinate " + "xyz"[axis] + " is " + number(value) +
                   ", expected a finite number below " + number(kMaxCoordinate) + " A");
}

void throw_too_far(int64_t atom, int axis, double fraction) {
  throw InputError("atom " + std::to_string(atom) + " is " + number(fraction) + " cell vectors " + "abc"[axis] +
                   " away from the origin, too far to know its place in the cell");
}

void throw_coincident(int64_t frame, int64_t one, int64_t other) {
  throw InputError("frame " + std::to_string(frame) + ": atoms " + std::to_string(one) + " and " +
                   std::to_string(other) + " are at the same position");
}

void throw_too_many(int64_t frame, double expected) {
  throw InputError(frame_name(frame) + "about " + std::to_string(int64_t(expected)) +
                   " neighbors per atom; is the cell or the cutoff in the wrong unit?");
}

void throw_listed(int64_t nall, int64_t other, int64_t center) {
  throw InputError("list_neighbor: expected atoms in [0, " + std::to_string(nall) + ") other than the center, got " +
                   std::to_string(other) + " for center " + std::to_string(center));
}

void throw_listed_twice(int64_t other, int64_t center) {
  throw InputError("list_neighbor: atom " + std::to_string(other) + " is in the list of center " +
                   std::to_string(center) + " twice");
}

void check_counts(int64_t nloc, int64_t nall) {
  if (nloc >= 0 && nall >= nloc) return;
  throw InputError("expected 0 <= nloc <= nall, got nloc " + std::to_string(nloc) + ", nall " + std::to_string(nall));
}

void check_no_ghosts(int64_t nloc, int64_t nall) {
  if (nloc == nall) return;
  throw InputError("a periodic frame has no ghost atoms: expected nall = nloc = " + std::to_string(nloc) +
                   ", got nall = " + std::to_string(nall));
}

}  // namespace deepmd
