#include "deepmd/activation.h"

#include "session.h"

namespace deepmd::py {
namespace {

template <typename T>
pb::tuple values(const std::string& name, const Array<T>& x) {
  Array<T> value(x.size()), slope(x.size());
  const Activation activation = activation_of(name);
  Session session(1);
  const T* numbers = session.in(x);
  T *values = session.out(value), *slopes = session.out(slope);
  session.run([&] { activate<T>(session.device(), activation, x.size(), numbers, values, slopes); });
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
