#pragma once

#include <cstdint>
#include <string>

#include "math/cell.h"

namespace deepmd {

// What a search refuses, and how it says so, on every device.

/// Rows of this length or results of this size come from a mistake in the input (a unit, a collapsed cell) and would
/// exhaust the memory before anyone sees a message.
constexpr double kMaxNeighbors = 1e6;
constexpr double kMaxEdges = 2147483647.0;

/// "frame 3, ", to begin a message with.
std::string frame_name(int64_t frame);

/// Throws InputError unless the cutoff is positive and finite.
void check_rcut(double rcut);

/// Throws InputError naming frame and atom unless the type is in [0, ntypes).
void check_type(int type, int ntypes, int64_t frame, int64_t atom);

/// The cell of a frame, completed; `cell` null: nothing repeats. Throws InputError where it has no volume or is too
/// thin for the cutoff.
Cell usable_cell(const double* cell, const bool periodic[3], double rcut);

[[noreturn]] void throw_coordinate(int64_t atom, int axis, double value);
[[noreturn]] void throw_too_far(int64_t atom, int axis, double fraction);
[[noreturn]] void throw_coincident(int64_t frame, int64_t one, int64_t other);
[[noreturn]] void throw_too_many(int64_t frame, double expected);
[[noreturn]] void throw_list_splits(int64_t list_length);
[[noreturn]] void throw_listed(int64_t nall, int64_t other, int64_t center);
[[noreturn]] void throw_listed_twice(int64_t other, int64_t center);
/// Throws InputError unless 0 <= nloc <= nall.
void check_counts(int64_t nloc, int64_t nall);
/// Throws InputError unless nloc = nall, as in a periodic frame.
void check_no_ghosts(int64_t nloc, int64_t nall);

}  // namespace deepmd
