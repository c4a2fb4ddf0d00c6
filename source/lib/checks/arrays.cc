#include "checks/search.h"
#include "deepmd/checks.h"

namespace deepmd {

std::string shape_text(const std::vector<int64_t>& shape) {
  std::string text;
  for (const int64_t length : shape) {
    text += (text.empty() ? "" : ",") + (length < 0 ? std::string("?") : std::to_string(length));
  }
  return "[" + text + "]";
}

bool has_shape(const std::vector<int64_t>& shape, const std::vector<int64_t>& expected) {
  if (shape.size() != expected.size()) return false;
  for (size_t k = 0; k < shape.size(); ++k) {
    if (expected[k] >= 0 && shape[k] != expected[k]) return false;
  }
  return true;
}

void check_shape(const std::string& name, const std::vector<int64_t>& shape, const std::vector<int64_t>& expected) {
  if (has_shape(shape, expected)) return;
  throw InputError(name + ": expected shape " + shape_text(expected) + ", got " + shape_text(shape));
}

void throw_splits(const char* name, const char* items, int64_t end) {
  throw InputError(std::string(name) + ": expected numbers that begin at 0, never fall and end at the number of " +
                   items + ", " + std::to_string(end));
}

void check_ntypes(int64_t ntypes) {
  if (ntypes > 0 && ntypes <= kMaxTypes) return;
  throw InputError("ntypes: expected 1 to " + std::to_string(kMaxTypes) + " types, got " + std::to_string(ntypes));
}

void check_types(int64_t natoms, const int* type, int ntypes) {
  for (int64_t i = 0; i < natoms; ++i) {
    if (type[i] < 0 || type[i] >= ntypes) throw_type(atom_name(i), type[i], ntypes);
  }
}

}  // namespace deepmd
