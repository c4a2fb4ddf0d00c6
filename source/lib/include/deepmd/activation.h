#pragma once

#include <cstdint>
#include <string>

namespace deepmd {

class CpuDevice;
class GpuDevice;

/// The activation functions of the field. `kGelu` is the tanh form (Hendrycks and Gimpel, arXiv 1606.08415).
enum class Activation { kLinear, kTanh, kRelu, kRelu6, kSoftplus, kSigmoid, kGelu, kSilu };

/// The function that input files call by this name; throws InputError for another name.
Activation activation_of(const std::string& name);

/// Values phi(x) and derivatives phi'(x) of n numbers; `value` may be x itself. A number's result does not depend on
/// its place among the others. tanh is accurate to 4 units in the last place in float64,
/// to 5 in float32.
template <typename T>
void activate(Activation activation, int64_t n, const T* x, T* value, T* slope);

/// The same on a device.
template <typename T>
void activate(const CpuDevice& device, Activation activation, int64_t n, const T* x, T* value, T* slope);
template <typename T>
void activate(const GpuDevice& device, Activation activation, int64_t n, const T* x, T* value, T* slope);

}  // namespace deepmd
