#include "common.h"

#include <memory>

#include "tensorflow/core/framework/device_base.h"
#include "tensorflow/core/util/work_sharder.h"
#include "xla/stream_executor/stream.h"

namespace deepmd::op {

namespace tf = tensorflow;

template <>
CpuDevice make_device<CpuDevice>(tf::OpKernelContext* context) {
  const tf::DeviceBase::CpuWorkerThreads* threads = context->device()->tensorflow_cpu_worker_threads();
  return CpuDevice([threads](int64_t n, int64_t cost, const CpuDevice::Body& body) {
    tf::Shard(threads->num_threads, threads->workers, n, cost, body);
  });
}

template <>
GpuDevice make_device<GpuDevice>(tf::OpKernelContext* context) {
  const tf::DeviceContext* device = context->op_device_context();
  void* stream = device == nullptr ? nullptr : device->stream()->platform_specific_handle().stream;
  const auto memory = std::make_shared<std::vector<tf::Tensor>>();
  return GpuDevice(stream, [context, memory](size_t bytes) {
    const absl::Status status =
        context->allocate_temp(tf::DT_UINT8, tf::TensorShape({int64_t(bytes)}), &memory->emplace_back());
    if (!status.ok()) throw StatusError(status);
    return static_cast<void*>(memory->back().data());
  });
}

std::vector<int64_t> shape_of(const tf::Tensor& tensor) {
  std::vector<int64_t> result;
  for (int k = 0; k < tensor.dims(); ++k) result.push_back(tensor.dim_size(k));
  return result;
}

void check_shape(const char* name, const tf::Tensor& tensor, std::initializer_list<int64_t> expected) {
  deepmd::check_shape(name, shape_of(tensor), expected);
}

int64_t count_rows(const char* name, const tf::Tensor& splits) {
  check_shape(name, splits, {-1});
  if (splits.dim_size(0) < 1) throw InputError(std::string(name) + ": expected at least one number");
  return splits.dim_size(0) - 1;
}

Sizes read_natoms(const tf::Tensor& natoms) {
  check_shape("natoms", natoms, {-1});
  if (natoms.dim_size(0) < 3) {
    throw InputError("natoms: expected [nloc, nall, atoms of each type...], got " + std::to_string(natoms.dim_size(0)) +
                     " numbers");
  }
  const auto values = natoms.vec<int>();
  const Sizes sizes{values(0), values(1), int(natoms.dim_size(0)) - 2};
  if (sizes.nloc < 0 || sizes.nall < sizes.nloc) {
    throw InputError("natoms: expected 0 <= nloc <= nall, got nloc " + std::to_string(sizes.nloc) + ", nall " +
                     std::to_string(sizes.nall));
  }
  return sizes;
}

Boundary read_mesh(const tensorflow::Tensor& mesh) {
  check_shape("mesh", mesh, {-1});
  const int64_t length = mesh.dim_size(0);
  if (length <= 1) return Boundary::kOpen;
  if (length == 6) return Boundary::kPeriodic;
  throw InputError("mesh: expected length 6 (periodic) or 0 or 1 (open), got " + std::to_string(length) +
                   "; a neighbor list from outside must be given through the native interface");
}

tf::Tensor* allocate(tf::OpKernelContext* context, int index, std::initializer_list<int64_t> sizes) {
  tf::TensorShape shape;
  for (const int64_t size : sizes) shape.AddDim(size);
  tf::Tensor* tensor = nullptr;
  const absl::Status status = context->allocate_output(index, shape, &tensor);
  if (!status.ok()) throw StatusError(status);
  return tensor;
}

absl::Status check_sel(const char* name, const std::vector<int>& sel, int* nnei) {
  constexpr int64_t kMaxSlots = 1 << 24;
  int64_t sum = 0;
  for (const int count : sel) {
    sum += count;
    if (count < 0 || sum > kMaxSlots) {
      return absl::Status(absl::StatusCode::kInvalidArgument,
                          std::string(name) + ": expected numbers of slots, got " + std::to_string(count));
    }
  }
  *nnei = int(sum);
  return absl::Status();
}

tf::shape_inference::DimensionHandle natoms_dim(tf::shape_inference::InferenceContext* context, int natoms_input,
                                                int index, int64_t factor) {
  const tf::Tensor* natoms = context->input_tensor(natoms_input);
  if (natoms == nullptr || natoms->dims() != 1 || natoms->dim_size(0) <= index) return context->UnknownDim();
  const int64_t size = natoms->vec<int>()(index);
  return size < 0 ? context->UnknownDim() : context->MakeDim(size * factor);
}

}  // namespace deepmd::op
