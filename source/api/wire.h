#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace deepmd {

/// Whether the bytes are UTF-8 without control characters.
bool is_text(std::string_view bytes);

/// What of the bytes can stand in a message: at most some hundred, with question marks for what is no text.
std::string printable(std::string_view bytes);

/// Reads protobuf's wire format field by field (protobuf.dev/programming-guides/encoding). Nothing is copied and
/// nothing outside the bytes is ever read; what is not a message is an InputError.
class WireReader {
 public:
  explicit WireReader(std::string_view bytes) : bytes_(bytes) {}

  /// Moves on to the next field; false at the end.
  bool next();

  /// The number of the field.
  int field() const { return field_; }

  /// Its value, which must be a number of variable length.
  uint64_t varint() const;
  /// Its value, which must be bytes of a length of their own: a string, a message, packed numbers.
  std::string_view bytes() const;
  /// Its value, which must be four or eight bytes.
  float fixed32() const;
  double fixed64() const;

  /// Calls `append(value)` for the number, or for all numbers of packed ones.
  template <typename Append>
  void each_varint(const Append& append) const {
    if (type_ == kVarint) return append(varint_);
    for (WireReader packed(bytes()); !packed.bytes_.empty();) append(packed.take_varint());
  }
  template <typename Append>
  void each_fixed32(const Append& append) const {
    if (type_ == kFixed32) return append(fixed32());
    for (WireReader packed(bytes()); !packed.bytes_.empty();) append(packed.take<float>());
  }
  template <typename Append>
  void each_fixed64(const Append& append) const {
    if (type_ == kFixed64) return append(fixed64());
    for (WireReader packed(bytes()); !packed.bytes_.empty();) append(packed.take<double>());
  }

 private:
  enum Type { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

  uint64_t take_varint();
  std::string_view take_bytes(uint64_t count);
  template <typename T>
  T take();
  void expect(Type type) const;

  std::string_view bytes_;  // those still to be read
  int field_ = 0;
  int type_ = kVarint;
  uint64_t varint_ = 0;
  std::string_view value_;
};

}  // namespace deepmd
