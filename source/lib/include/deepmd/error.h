#pragma once

#include <stdexcept>

/// What programs that link the library see of it.
#define DEEPMD_API __attribute__((visibility("default")))

namespace deepmd {

/// What the caller passed cannot be used; the message says what, where, what was expected and what was found.
class DEEPMD_API InputError : public std::invalid_argument {
 public:
  using std::invalid_argument::invalid_argument;
};

}  // namespace deepmd
