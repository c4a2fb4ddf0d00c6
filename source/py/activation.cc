#include "deepmd/activation.h"

#include "arrays.h"

namespace deepmd::py {
namespace {

template <typename T>
pb::tuple values(const std::string& name, const Array<T>& x) {
  Array<T> value(x.size()), slope(x.size());
  activate<T>(activation_of(name), x.size(), x.data(), value.mutable_data(), slope.mutable_data());
  return pb::make_tuple(value, slope);
}

}  // namespace

void bind_activation(pb::module_& module) {
  using pb::arg;
  const char* doc = "x [n] -> (phi(x) [n], phi'(x) [n])";
  module.def("activate", &values<double>, arg("name"), arg("x").noconvert(), doc);
  module.def("activate", &values<float>, arg("name"), arg("x").noconvert(), doc);
}

}  // namespace deepmd::py
