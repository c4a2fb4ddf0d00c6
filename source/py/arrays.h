#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "deepmd/checks.h"
#include "deepmd/error.h"

namespace deepmd::py {

namespace pb = pybind11;

/// An array in row-major order whose dtype is T.
template <typename T>
using Array = pb::array_t<T, pb::array::c_style>;

/// Throws InputError unless the array has this shape; -1 is any length.
template <typename T>
void check_shape(const char* name, const Array<T>& array, const std::vector<pb::ssize_t>& expected) {
  deepmd::check_shape(name, std::vector<int64_t>(array.shape(), array.shape() + array.ndim()),
                      std::vector<int64_t>(expected.begin(), expected.end()));
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
