#pragma once

#include <memory>
#include <new>
#include <utility>
#include <vector>

namespace deepmd {

/// Leaves new elements as they are: a result that is written once need not be filled with zeros before. Memory begins
/// with a line of the cache, so that no vector lies across two.
template <typename T>
struct Uninitialized : std::allocator<T> {
  static constexpr std::align_val_t kLine{64};
  T* allocate(size_t count) { return static_cast<T*>(::operator new(count * sizeof(T), kLine)); }
  void deallocate(T* place, size_t) { ::operator delete(place, kLine); }
  template <typename U>
  struct rebind {
    using other = Uninitialized<U>;
  };
  template <typename U>
  void construct(U* place) {
    ::new (static_cast<void*>(place)) U;
  }
  template <typename U, typename... Args>
  void construct(U* place, Args&&... args) {
    ::new (static_cast<void*>(place)) U(std::forward<Args>(args)...);
  }
};

template <typename T>
using Buffer = std::vector<T, Uninitialized<T>>;

}  // namespace deepmd
