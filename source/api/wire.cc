#include "wire.h"

#include <cstring>

#include "deepmd/error.h"

namespace deepmd {
namespace {
constexpr int kLastField = (1 << 29) - 1;
constexpr size_t kMaxShown = 200;

/// The number of bytes of the character that begins with this one, 0 where none does.
size_t length_of(unsigned char first) {
  if (first < 32 || first == 127) return 0;
  if (first < 128) return 1;
  if (first < 0xc2 || first > 0xf4) return 0;
  return first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
}

/// The number of bytes of the character in front, 0 where there is none.
size_t front_length(std::string_view bytes) {
  const size_t length = length_of(static_cast<unsigned char>(bytes.front()));
  if (length > bytes.size()) return 0;
  for (size_t k = 1; k < length; ++k) {
    if ((static_cast<unsigned char>(bytes[k]) & 0xc0) != 0x80) return 0;
  }
  const auto second = length > 2 ? static_cast<unsigned char>(bytes[1]) : 0;
  switch (static_cast<unsigned char>(bytes.front())) {
    case 0xe0:
      return second < 0xa0 ? 0 : length;  // longer than need be
    case 0xed:
      return second > 0x9f ? 0 : length;  // surrogates
    case 0xf0:
      return second < 0x90 ? 0 : length;
    case 0xf4:
      return second > 0x8f ? 0 : length;  // beyond Unicode
    default:
      return length;
  }
}
}  // namespace

bool is_text(std::string_view bytes) {
  while (!bytes.empty()) {
    const size_t length = front_length(bytes);
    if (length == 0) return false;
    bytes.remove_prefix(length);
  }
  return true;
}

std::string printable(std::string_view bytes) {
  std::string result;
  while (!bytes.empty() && result.size() < kMaxShown) {
    const size_t length = front_length(bytes);
    result += length == 0 ? std::string_view("?") : bytes.substr(0, length);
    bytes.remove_prefix(length == 0 ? 1 : length);
  }
  return bytes.empty() ? result : result + "...";
}

uint64_t WireReader::take_varint() {
  uint64_t value = 0;
  for (int shift = 0; shift < 64; shift += 7) {
    if (bytes_.empty()) throw InputError("a number ends with the file");
    const auto byte = static_cast<unsigned char>(bytes_.front());
    bytes_.remove_prefix(1);
    value |= uint64_t(byte & 127) << shift;
    if (byte < 128) return value;
  }
  throw InputError("a number of more than ten bytes");
}

std::string_view WireReader::take_bytes(uint64_t count) {
  if (count > bytes_.size()) {
    throw InputError("a field claims " + std::to_string(count) + " bytes where there are " +
                     std::to_string(bytes_.size()));
  }
  const std::string_view result = bytes_.substr(0, size_t(count));
  bytes_.remove_prefix(size_t(count));
  return result;
}

template <typename T>
T WireReader::take() {
  T value;
  std::memcpy(&value, take_bytes(sizeof value).data(), sizeof value);
  return value;
}
template float WireReader::take<float>();
template double WireReader::take<double>();

bool WireReader::next() {
  if (bytes_.empty()) return false;
  const uint64_t key = take_varint();
  if (key >> 3 == 0 || key >> 3 > kLastField) throw InputError("a field of number " + std::to_string(key >> 3));
  field_ = int(key >> 3);
  type_ = int(key & 7);
  switch (type_) {
    case kVarint:
      varint_ = take_varint();
      return true;
    case kBytes:
      value_ = take_bytes(take_varint());
      return true;
    case kFixed32:
      value_ = take_bytes(4);
      return true;
    case kFixed64:
      value_ = take_bytes(8);
      return true;
    default:
      throw InputError("a field of the unknown kind " + std::to_string(type_));
  }
}

void WireReader::expect(Type type) const {
  if (type_ == type) return;
  throw InputError("field " + std::to_string(field_) + ": expected kind " + std::to_string(int(type)) + ", got " +
                   std::to_string(type_));
}

uint64_t WireReader::varint() const {
  expect(kVarint);
  return varint_;
}

std::string_view WireReader::bytes() const {
  expect(kBytes);
  return value_;
}

float WireReader::fixed32() const {
  expect(kFixed32);
  return WireReader(value_).take<float>();
}

double WireReader::fixed64() const {
  expect(kFixed64);
  return WireReader(value_).take<double>();
}

}  // namespace deepmd
