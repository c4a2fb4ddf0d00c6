#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "deepmd/error.h"

namespace deepmd::py {

namespace pb = pybind11;

/// An array in row-major order whose dtype is T.
template <typename T>
using Array = pb::array_t<T, pb::array::c_style>;

/// Throws InputError unless the array has this shape; -1 stands for any length.
template <typename T>
void check_shape(const char* name, const Array<T>& array, const std::vector<pb::ssize_t>& expected) {
  bool same = size_t(array.ndim()) == expected.size();
  for (size_t k = 0; same && k < expected.size(); ++k) same = expected[k] < 0 || array.shape(k) == expected[k];
  if (same) return;
  std::string text = std::string(name) + ": expected shape [";
  for (size_t k = 0; k < expected.size(); ++k) {
    text += (k ? ", " : "") + (expected[k] < 0 ? std::string("*") : std::to_string(expected[k]));
  }
  text += "], got [";
  for (pb::ssize_t k = 0; k < array.ndim(); ++k) text += (k ? ", " : "") + std::to_string(array.shape(k));
  throw InputError(text + "]");
}

/// Hands a vector's memory to NumPy without copying it.
template <typename T>
pb::array_t<T> to_array(std::vector<T>&& values, std::vector<pb::ssize_t> shape) {
  auto owned = std::make_unique<std::vector<T>>(std::move(values));
  const T* data = owned->data();
  pb::capsule owner(owned.get(), [](void* pointer) { delete static_cast<std::vector<T>*>(pointer); });
  owned.release();
  return pb::array_t<T>(std::move(shape), data, owner);
}

void bind_contraction(pb::module_& module);
void bind_activation(pb::module_& module);
void bind_edges(pb::module_& module);
void bind_evaluate(pb::module_& module);
void bind_geometry(pb::module_& module);
void bind_neighbors(pb::module_& module);
void bind_pairs(pb::module_& module);
void bind_slots(pb::module_& module);

}  // namespace deepmd::py
