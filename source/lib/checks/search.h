#pragma once

#include <cstdint>
#include <string>

#include "math/cell.h"

namespace deepmd {

// Checks and messages of the neighbor searches on every device.

/// Longer rows and larger results come from a mistake in the input (a wrong unit, a collapsed cell) and would exhaust
/// the memory before a message appears.
constexpr double kMaxNeighbors = 1e6;
constexpr double kMaxEdges = 2147483647.0;

/// "frame 3, ", the beginning of a message.
std::string frame_name(int64_t frame);

/// Throws InputError unless the cutoff is positive and finite.
void check_rcut(double rcut);

/// "atom 5"
std::string atom_name(int64_t atom);

/// Throws InputError: the type of this atom is outside [0, ntypes).
[[noreturn]] void throw_type(const std::string& atom, int type, int ntypes);

/// Throws InputError that names frame and atom unless the type is in [0, ntypes).
void check_type(int type, int ntypes, int64_t frame, int64_t atom);

/// The cell of a frame, completed; a null `cell` is an open frame. Throws InputError if the cell has no volume or is
/// too thin for the cutoff.
Cell usable_cell(const double* cell, const bool periodic[3], double rcut);

/// Name of the items of list_splits, for messages.
constexpr const char* kListed = "entries of list_neighbor";

[[noreturn]] void throw_coordinate(int64_t atom, int axis, double value);
[[noreturn]] void throw_too_far(int64_t atom, int axis, double fraction);
[[noreturn]] void throw_coincident(int64_t frame, int64_t one, int64_t other);
[[noreturn]] void throw_too_many(int64_t frame, double expected);
[[noreturn]] void throw_listed(int64_t nall, int64_t other, int64_t center);
[[noreturn]] void throw_listed_twice(int64_t other, int64_t center);
/// Throws InputError unless 0 <= nloc <= nall.
void check_counts(int64_t nloc, int64_t nall);
/// Throws InputError unless nloc = nall, as in a periodic frame.
void check_no_ghosts(int64_t nloc, int64_t nall);

}  // namespace deepmd
