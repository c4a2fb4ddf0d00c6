#include "deepmd/activation.h"

#include "cpu/isa/loops.h"
#include "deepmd/device.h"
#include "deepmd/error.h"

namespace deepmd {
namespace {

struct Name {
  const char* text;
  Activation activation;
};

constexpr Name kNames[] = {
    {"tanh", Activation::kTanh},         {"relu", Activation::kRelu},       {"relu6", Activation::kRelu6},
    {"softplus", Activation::kSoftplus}, {"sigmoid", Activation::kSigmoid}, {"gelu", Activation::kGelu},
    {"gelu_tf", Activation::kGelu},      {"silu", Activation::kSilu},       {"linear", Activation::kLinear},
    {"none", Activation::kLinear},
};

}  // namespace

Activation activation_of(const std::string& name) {
  std::string known;
  for (const Name& each : kNames) {
    if (name == each.text) return each.activation;
    known += std::string(known.empty() ? "" : ", ") + each.text;
  }
  throw InputError("activation: expected one of " + known + ", got '" + name + "'");
}

template <typename T>
void activate(Activation activation, int64_t n, const T* x, T* value, T* slope) {
  loops().activate<T>()(activation, n, x, value, slope);
}

template <typename T>
void activate(const CpuDevice& device, Activation activation, int64_t n, const T* x, T* value, T* slope) {
  device.parallel_for(n, 4, [&](int64_t begin, int64_t end) {
    activate(activation, end - begin, x + begin, value + begin, slope + begin);
  });
}

#define DEEPMD_ACTIVATE(T)                                       \
  template void activate(Activation, int64_t, const T*, T*, T*); \
  template void activate(const CpuDevice&, Activation, int64_t, const T*, T*, T*)
DEEPMD_ACTIVATE(float);
DEEPMD_ACTIVATE(double);

}  // namespace deepmd
