#pragma once

#include <stdexcept>

namespace deepmd {

/// What the caller passed cannot be used; the message says what, where, what was expected and what was found.
class InputError : public std::invalid_argument {
 public:
  using std::invalid_argument::invalid_argument;
};

}  // namespace deepmd
