#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "cpu/buffer.h"

namespace deepmd {

/// The types of TensorFlow's tensors that graphs of potentials hold, with its numbers.
enum class DataType { kFloat = 1, kDouble = 2, kInt32 = 3, kString = 7, kInt64 = 9, kBool = 10 };

/// A constant out of a graph.
struct Tensor {
  std::vector<int64_t> shape;
  std::variant<Buffer<float>, Buffer<double>, Buffer<int32_t>, Buffer<int64_t>, Buffer<uint8_t>,
               std::vector<std::string>>
      values;
};

/// Decodes the message TensorProto; throws InputError where its values do not fit its shape.
Tensor read_tensor(std::string_view message);

}  // namespace deepmd
