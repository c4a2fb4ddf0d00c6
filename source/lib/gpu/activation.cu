#include "math/activation.h"

#include "gpu/launch.h"

namespace deepmd {
namespace {

using namespace gpu;

template <typename T>
__global__ void __launch_bounds__(kThreads)
    activate_numbers(Activation activation, int64_t n, const T* x, T* value, T* slope) {
  for (int64_t k = thread_index(); k < n; k += thread_count()) {
    const ActivationResult<T> result = activation_of_number(activation, x[k]);
    value[k] = result.value;
    slope[k] = result.slope;
  }
}

}  // namespace

template <typename T>
void activate(const GpuDevice& device, Activation activation, int64_t n, const T* x, T* value, T* slope) {
  launch(device, grid_of_threads(n), activate_numbers<T>, activation, n, x, value, slope);
}

template void activate(const GpuDevice&, Activation, int64_t, const float*, float*, float*);
template void activate(const GpuDevice&, Activation, int64_t, const double*, double*, double*);

}  // namespace deepmd
