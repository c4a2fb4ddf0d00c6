#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "deepmd/error.h"

// Checks of arrays from outside. Each throws an InputError that names the array and gives the expected and the actual
// value.
namespace deepmd {

/// The largest number of types that a model may have.
constexpr int kMaxTypes = 1 << 12;

/// Text of a shape, "[2,?,3]"; a negative length is any length.
std::string shape_text(const std::vector<int64_t>& shape);

/// Whether a shape has the expected lengths; a negative expected length is any length.
bool has_shape(const std::vector<int64_t>& shape, const std::vector<int64_t>& expected);

/// Throws InputError unless has_shape.
void check_shape(const std::string& name, const std::vector<int64_t>& shape, const std::vector<int64_t>& expected);

/// Throws InputError: the splits of compressed rows are not usable, which must end at `end`, the number of `items`.
[[noreturn]] void throw_splits(const char* name, const char* items, int64_t end);

/// Throws InputError unless splits [nrows + 1] begins at 0, never falls and ends at `end`, the number of `items`.
template <typename Index>
void check_splits(const char* name, const char* items, int64_t nrows, const Index* splits, int64_t end) {
  bool valid = nrows >= 0 && splits[0] == 0;
  for (int64_t k = 0; k < nrows; ++k) valid = valid && splits[k] <= splits[k + 1];
  if (!valid || int64_t(splits[nrows]) != end) throw_splits(name, items, end);
}

/// Throws InputError unless ntypes is in [1, kMaxTypes].
void check_ntypes(int64_t ntypes);

/// Throws InputError that names the atom unless type [natoms] is in [0, ntypes).
void check_types(int64_t natoms, const int* type, int ntypes);

}  // namespace deepmd
