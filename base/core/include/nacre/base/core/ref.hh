// Shared ownership with the count inside the object: Ref<T> is one pointer, and a raw T* can be
// turned back into a Ref.
#pragma once

#include <atomic>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "nacre/base/core/panic.hh"

namespace nacre {

// Base of T. A new object has one reference, which adopt_ref takes over.
class RefCounted {
 public:
  RefCounted(const RefCounted&) = delete;
  RefCounted& operator=(const RefCounted&) = delete;

  void acquire_reference() const noexcept { references_.fetch_add(1, std::memory_order_relaxed); }
  // True when that was the last one. The release pairs with the acquire of whoever drops the last
  // reference and destroys.
  [[nodiscard]] bool drop_reference() const noexcept {
    const uint32_t before = references_.fetch_sub(1, std::memory_order_acq_rel);
    DEBUG_ASSERT(before != 0);
    return before == 1;
  }

 protected:
  RefCounted() = default;
  ~RefCounted() = default;

 private:
  // The number of Refs; 0 only while the object is being destroyed.
  mutable std::atomic<uint32_t> references_{1};
};

// T is derived from RefCounted; if a Ref<Base> may hold a Derived, Base has a virtual destructor.
template <class T>
class Ref {
 public:
  Ref() = default;
  explicit(false) Ref(std::nullptr_t) {}
  // A further reference to an object that somebody holds already.
  explicit Ref(T* object) noexcept : object_(object) {
    if (object_ != nullptr) object_->acquire_reference();
  }
  Ref(const Ref& other) noexcept : Ref(other.object_) {}
  Ref(Ref&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
  template <std::derived_from<T> U>
  explicit(false) Ref(Ref<U> other) noexcept : object_(other.leak()) {}
  Ref& operator=(Ref other) noexcept {
    std::swap(object_, other.object_);
    return *this;
  }
  ~Ref() {
    if (object_ != nullptr && object_->drop_reference()) delete object_;
  }

  // Takes over the reference that the object was made with.
  [[nodiscard]] static Ref adopt(T* object) noexcept {
    Ref ref;
    ref.object_ = object;
    return ref;
  }
  // Gives the reference to the caller, who owes a drop.
  [[nodiscard]] T* leak() noexcept { return std::exchange(object_, nullptr); }

  [[nodiscard]] T* get() const noexcept { return object_; }
  T* operator->() const noexcept { return object_; }
  T& operator*() const noexcept { return *object_; }
  explicit operator bool() const noexcept { return object_ != nullptr; }
  friend bool operator==(const Ref& a, const Ref& b) noexcept { return a.object_ == b.object_; }

 private:
  T* object_ = nullptr;
};

// make_ref<T>(args…): a new T and its first reference.
template <class T, class... Args>
[[nodiscard]] Ref<T> make_ref(Args&&... args) {
  return Ref<T>::adopt(new T(std::forward<Args>(args)...));
}

}  // namespace nacre
