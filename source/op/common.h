#pragma once

#include <algorithm>
#include <cstdint>
#include <new>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "deepmd/checks.h"
#include "deepmd/device.h"
#include "deepmd/error.h"
#include "deepmd/gpu_device.h"
#include "deepmd/slots.h"
#include "registration.h"
#include "tensorflow/core/framework/op_kernel.h"
#include "tensorflow/core/framework/shape_inference.h"

namespace deepmd::op {

/// The device of a kernel: TensorFlow's thread pool; or TensorFlow's stream, with temporary memory from TensorFlow. The
/// memory remains as long as the GpuDevice or a copy of it, because TensorFlow reuses memory in the order of the
/// stream.
template <typename Device>
Device make_device(tensorflow::OpKernelContext* context);
template <>
CpuDevice make_device<CpuDevice>(tensorflow::OpKernelContext* context);
template <>
GpuDevice make_device<GpuDevice>(tensorflow::OpKernelContext* context);

/// Whether all inputs are in memory of the processor and the op checks their values before the kernel runs. On a GPU
/// the kernels treat unusable values themselves; the op checks shapes and the inputs under HostMemory.
template <typename Device>
constexpr bool kOnHost = std::is_same_v<Device, CpuDevice>;

/// A call of TensorFlow failed; the op fails with its status.
class StatusError : public std::exception {
 public:
  explicit StatusError(absl::Status status) : status_(std::move(status)) {}
  const absl::Status& status() const { return status_; }

 private:
  absl::Status status_;
};

std::vector<int64_t> shape_of(const tensorflow::Tensor& tensor);

/// Throws InputError unless the tensor has this shape; -1 is any length.
void check_shape(const char* name, const tensorflow::Tensor& tensor, std::initializer_list<int64_t> expected);

/// Number of rows of compressed storage, by the shape of their splits [nrows + 1].
int64_t count_rows(const char* name, const tensorflow::Tensor& splits);

/// Contents of natoms [ntypes + 2]: nloc, nall, then the number of atoms of each type.
struct Sizes {
  int nloc;
  int nall;
  int ntypes;
};
Sizes read_natoms(const tensorflow::Tensor& natoms);

/// Boundary conditions, which graphs of this format encode in the length of `mesh`.
enum class Boundary { kOpen, kPeriodic };
Boundary read_mesh(const tensorflow::Tensor& mesh);

/// Reads the attribute `name`, the slots per neighbor type, and their sum nnei; returns InvalidArgument if they are not
/// usable. `Context` is that of an op's construction or of shape inference.
absl::Status check_sel(const char* name, const std::vector<int>& sel, int* nnei);
template <typename Context>
absl::Status read_sel(Context* context, const char* name, std::vector<int>* sel, int* nnei) {
  TF_RETURN_IF_ERROR(context->GetAttr(name, sel));
  return check_sel(name, *sel, nnei);
}

/// Runs the body and returns its error, if any: an InputError is InvalidArgument, a GpuError Internal.
template <typename Body>
absl::Status status_of(const Body& body) {
  try {
    body();
  } catch (const InputError& error) {
    return absl::Status(absl::StatusCode::kInvalidArgument, error.what());
  } catch (const GpuError& error) {
    return absl::Status(absl::StatusCode::kInternal, error.what());
  } catch (const StatusError& error) {
    return error.status();
  } catch (const std::bad_alloc&) {
    return absl::Status(absl::StatusCode::kResourceExhausted, "out of memory");
  }
  return absl::Status();
}

/// Runs the body of an op, which fails with the body's error.
template <typename Body>
void run(tensorflow::OpKernelContext* context, const Body& body) {
  const absl::Status status = status_of(body);
  if (!status.ok()) context->CtxFailure(status);
}

/// Allocates an output; throws StatusError if TensorFlow cannot.
tensorflow::Tensor* allocate(tensorflow::OpKernelContext* context, int index, std::initializer_list<int64_t> shape);

template <typename T>
T* make(tensorflow::OpKernelContext* context, int index, std::initializer_list<int64_t> shape) {
  return allocate(context, index, shape)->flat<T>().data();
}

/// Writes an output [n] with these values in memory of the processor.
template <typename T>
void give(tensorflow::OpKernelContext* context, int index, const std::vector<T>& values) {
  std::copy(values.begin(), values.end(), make<T>(context, index, {int64_t(values.size())}));
}

/// The dimension natoms[index] * factor; unknown unless natoms is a constant.
tensorflow::shape_inference::DimensionHandle natoms_dim(tensorflow::shape_inference::InferenceContext* context,
                                                        int natoms_input, int index, int64_t factor);

}  // namespace deepmd::op
