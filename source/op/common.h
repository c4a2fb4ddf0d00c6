#pragma once

#include <algorithm>
#include <cstdint>
#include <new>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "deepmd/device.h"
#include "deepmd/error.h"
#include "deepmd/gpu_device.h"
#include "deepmd/slots.h"
#include "registration.h"
#include "tensorflow/core/framework/op_kernel.h"
#include "tensorflow/core/framework/shape_inference.h"

namespace deepmd::op {

/// The device of a kernel: TensorFlow's own thread pool; or TensorFlow's stream, with memory to work in from TensorFlow
/// that remains as long as the GpuDevice or a copy of it: its allocator hands memory on in the order of the stream.
template <typename Device>
Device make_device(tensorflow::OpKernelContext* context);
template <>
CpuDevice make_device<CpuDevice>(tensorflow::OpKernelContext* context);
template <>
GpuDevice make_device<GpuDevice>(tensorflow::OpKernelContext* context);

/// Whether all inputs are in memory of the processor, so that they are checked before the kernel runs. Those of a GPU
/// look after themselves; of shapes and of inputs under HostMemory nothing is left unchecked.
template <typename Device>
constexpr bool kOnHost = std::is_same_v<Device, CpuDevice>;

/// TensorFlow refused something; the op fails with its status.
class StatusError : public std::exception {
 public:
  explicit StatusError(absl::Status status) : status_(std::move(status)) {}
  const absl::Status& status() const { return status_; }

 private:
  absl::Status status_;
};

/// Throws InputError unless the tensor has this shape; -1 stands for any length.
void check_shape(const char* name, const tensorflow::Tensor& tensor, std::initializer_list<int64_t> expected);

/// Throws InputError unless the tensor is the int64 splits of rows of compressed storage: from 0, never falling, to
/// `end`.
void check_splits(const char* name, const tensorflow::Tensor& splits, int64_t end);

/// The number of rows that splits [rows + 1] divide something into, by their shape.
int64_t count_rows(const char* name, const tensorflow::Tensor& splits);

/// What natoms [ntypes + 2] says: nloc, nall, then the number of atoms of each type.
struct Sizes {
  int nloc;
  int nall;
  int ntypes;
};
Sizes read_natoms(const tensorflow::Tensor& natoms);

/// What the length of `mesh` stands for in graphs of this format.
enum class Boundary { kOpen, kPeriodic };
Boundary read_mesh(const tensorflow::Tensor& mesh);

/// The attribute `name` as slots per neighbor type, or InvalidArgument; nnei is their sum. `Context` is one of an op's
/// construction or of shape inference.
absl::Status check_sel(const char* name, const std::vector<int>& sel, int* nnei);
template <typename Context>
absl::Status read_sel(Context* context, const char* name, std::vector<int>* sel, int* nnei) {
  TF_RETURN_IF_ERROR(context->GetAttr(name, sel));
  return check_sel(name, *sel, nnei);
}

/// Runs the body of an op; an InputError becomes InvalidArgument, a GpuError Internal.
template <typename Body>
void run(tensorflow::OpKernelContext* context, const Body& body) {
  try {
    body();
  } catch (const InputError& error) {
    context->CtxFailure(absl::Status(absl::StatusCode::kInvalidArgument, error.what()));
  } catch (const GpuError& error) {
    context->CtxFailure(absl::Status(absl::StatusCode::kInternal, error.what()));
  } catch (const StatusError& error) {
    context->CtxFailure(error.status());
  } catch (const std::bad_alloc&) {
    context->CtxFailure(absl::Status(absl::StatusCode::kResourceExhausted, "out of memory"));
  }
}

/// Allocates an output, or throws StatusError where TensorFlow cannot hold it.
tensorflow::Tensor* allocate(tensorflow::OpKernelContext* context, int index, std::initializer_list<int64_t> shape);

template <typename T>
T* make(tensorflow::OpKernelContext* context, int index, std::initializer_list<int64_t> shape) {
  return allocate(context, index, shape)->flat<T>().data();
}

/// An output [n] with these values, for the processor.
template <typename T>
void give(tensorflow::OpKernelContext* context, int index, const std::vector<T>& values) {
  std::copy(values.begin(), values.end(), make<T>(context, index, {int64_t(values.size())}));
}

/// A dimension known when natoms is a constant: natoms[index] * factor.
tensorflow::shape_inference::DimensionHandle natoms_dim(tensorflow::shape_inference::InferenceContext* context,
                                                        int natoms_input, int index, int64_t factor);

}  // namespace deepmd::op
