#include "tensor.h"

#include <cstring>
#include <type_traits>

#include "deepmd/checks.h"
#include "wire.h"

namespace deepmd {
namespace {

// More than any potential has; sizes beyond come from damaged files.
constexpr int64_t kMaxElements = int64_t(1) << 28;
constexpr int64_t kMaxRepeated = int64_t(1) << 24;  // of values that the file does not hold one by one
constexpr size_t kMaxDimensions = 8;

int64_t read_dimension(std::string_view message) {
  int64_t size = 0;
  for (WireReader reader(message); reader.next();) {
    if (reader.field() == 1) size = int64_t(reader.varint());
  }
  return size;
}

/// Adds the dimensions of the message TensorShapeProto.
void read_shape(std::string_view message, std::vector<int64_t>& shape) {
  for (WireReader reader(message); reader.next();) {
    if (reader.field() == 2) shape.push_back(read_dimension(reader.bytes()));
    if (reader.field() == 3 && reader.varint() != 0) throw InputError("a constant without a shape");
    if (shape.size() > kMaxDimensions) throw InputError("a constant of too many dimensions");
  }
}

int64_t count_elements(const std::vector<int64_t>& shape) {
  int64_t count = 1;
  for (const int64_t size : shape) {
    if (size < 0 || size > kMaxElements) throw InputError("a constant of the shape " + shape_text(shape));
    count *= size;
    if (count > kMaxElements) throw InputError("a constant of the shape " + shape_text(shape) + "; refused");
  }
  return count;
}

/// The values of the message as numbers, in the fields that hold those of type T.
template <typename T>
void read_numbers(std::string_view message, Buffer<T>& values) {
  for (WireReader reader(message); reader.next();) {
    if constexpr (std::is_same_v<T, float>) {
      if (reader.field() == 5) reader.each_fixed32([&](float value) { values.push_back(value); });
    } else if constexpr (std::is_same_v<T, double>) {
      if (reader.field() == 6) reader.each_fixed64([&](double value) { values.push_back(value); });
    } else {
      constexpr int kField = std::is_same_v<T, int32_t> ? 7 : std::is_same_v<T, int64_t> ? 10 : 11;
      if (reader.field() == kField) reader.each_varint([&](uint64_t value) { values.push_back(T(value)); });
    }
  }
}

void read_numbers(std::string_view message, std::vector<std::string>& values) {
  for (WireReader reader(message); reader.next();) {
    if (reader.field() == 8) values.emplace_back(reader.bytes());
  }
}

[[noreturn]] void throw_misfit(size_t got, int64_t expected) {
  throw InputError("a constant holds " + std::to_string(got) + " values where its shape has " +
                   std::to_string(expected));
}

/// Brings the values to their number: the last is repeated, and none stand for zeros (TensorFlow's tensor.proto).
template <typename Values>
void fill(Values& values, int64_t count) {
  if (int64_t(values.size()) > count || count - int64_t(values.size()) > kMaxRepeated) {
    throw_misfit(values.size(), count);
  }
  const typename Values::value_type last = values.empty() ? typename Values::value_type() : values.back();
  values.resize(size_t(count), last);
}

template <typename Values>
void read_values(std::string_view message, std::string_view content, int64_t count, Values& values) {
  using T = typename Values::value_type;
  if constexpr (std::is_trivially_copyable_v<T>) {
    if (!content.empty()) {
      if (content.size() % sizeof(T) != 0 || int64_t(content.size() / sizeof(T)) != count) {
        throw_misfit(content.size() / sizeof(T), count);
      }
      values.resize(size_t(count));
      std::memcpy(values.data(), content.data(), content.size());
      return;
    }
  }
  read_numbers(message, values);
  fill(values, count);
}

}  // namespace

Tensor read_tensor(std::string_view message) {
  Tensor tensor;
  uint64_t type = 0;
  std::string_view content;
  for (WireReader reader(message); reader.next();) {
    if (reader.field() == 1) type = reader.varint();
    if (reader.field() == 2) read_shape(reader.bytes(), tensor.shape);
    if (reader.field() == 4) content = reader.bytes();
  }
  const int64_t count = count_elements(tensor.shape);
  switch (type) {
    case uint64_t(DataType::kFloat):
      tensor.values.emplace<Buffer<float>>();
      break;
    case uint64_t(DataType::kDouble):
      tensor.values.emplace<Buffer<double>>();
      break;
    case uint64_t(DataType::kInt32):
      tensor.values.emplace<Buffer<int32_t>>();
      break;
    case uint64_t(DataType::kInt64):
      tensor.values.emplace<Buffer<int64_t>>();
      break;
    case uint64_t(DataType::kBool):
      tensor.values.emplace<Buffer<uint8_t>>();
      break;
    case uint64_t(DataType::kString):
      tensor.values.emplace<std::vector<std::string>>();
      break;
    default:
      throw InputError("a constant of the data type " + std::to_string(type));
  }
  std::visit([&](auto& values) { read_values(message, content, count, values); }, tensor.values);
  return tensor;
}

}  // namespace deepmd
