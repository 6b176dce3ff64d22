// Elements that several graphs hold together, or a graph and the mapped file that they lie in.
#pragma once

#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

namespace hgnn_moe::kg {

// A read-only array that keeps alive whatever owns its elements; copies share them.
template <typename T>
class SharedArray {
 public:
  SharedArray() = default;

  explicit SharedArray(std::vector<T> values) {
    const auto owner = std::make_shared<const std::vector<T>>(std::move(values));
    data_ = owner->data();
    size_ = owner->size();
    owner_ = owner;
  }

  SharedArray(std::shared_ptr<const void> owner, const T* data, std::size_t size)
      : owner_(std::move(owner)), data_(data), size_(size) {}

  const T* data() const { return data_; }
  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  const T* begin() const { return data_; }
  const T* end() const { return data_ + size_; }
  const T& operator[](std::size_t index) const { return data_[index]; }

 private:
  std::shared_ptr<const void> owner_;
  const T* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace hgnn_moe::kg
