// An allocator for tensors on the CPU that keeps what they free, as PyTorch's does on a GPU.
//
// glibc returns large blocks to the system, which then clears every page of the next one: an
// operation that writes 400 MB into a new tensor spends most of its time there, whatever it
// computes, while memcpy writes into one that exists. With this all of them write into memory that
// is there.
#include <map>
#include <mutex>
#include <unordered_map>

#include <c10/core/CPUAllocator.h>
#include <c10/core/alignment.h>
#include <c10/core/impl/alloc_cpu.h>

namespace {

constexpr std::size_t kSmallestKept = std::size_t{1} << 16;  // malloc keeps smaller ones itself

class KeepingAllocator final : public c10::Allocator {
 public:
  // Never destroyed: tensors outlive everything at the end of the process.
  static KeepingAllocator& instance() {
    static auto* allocator = new KeepingAllocator;
    return *allocator;
  }

  c10::DataPtr allocate(std::size_t bytes) override {
    void* block = bytes < kSmallestKept ? c10::alloc_cpu(bytes) : take(bytes);
    return {block, block, &KeepingAllocator::free, c10::Device(c10::DeviceType::CPU)};
  }

  c10::DeleterFnPtr raw_deleter() const override { return &KeepingAllocator::free; }

  void copy_data(void* target, const void* source, std::size_t count) const override {
    default_copy_data(target, source, count);
  }

  void release() {
    const std::lock_guard<std::mutex> lock(mutex_);
    for (const auto& [size, block] : kept_) {
      sizes_.erase(block);
      c10::free_cpu(block);
    }
    kept_.clear();
  }

 private:
  // The smallest kept block that wastes less than a fifth, else a new one.
  void* take(std::size_t bytes) {
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto found = kept_.lower_bound(bytes);
    if (found != kept_.end() && found->first <= bytes + bytes / 4) {
      void* block = found->second;
      kept_.erase(found);
      return block;
    }
    void* block = c10::alloc_cpu(bytes);
    sizes_.emplace(block, bytes);
    return block;
  }

  static void free(void* block) {
    KeepingAllocator& self = instance();
    {
      const std::lock_guard<std::mutex> lock(self.mutex_);
      const auto found = self.sizes_.find(block);
      if (found != self.sizes_.end()) {
        self.kept_.emplace(found->second, block);
        return;
      }
    }
    c10::free_cpu(block);
  }

  std::mutex mutex_;
  std::multimap<std::size_t, void*> kept_;        // by size
  std::unordered_map<void*, std::size_t> sizes_;  // of blocks of kSmallestKept and above
};

}  // namespace

// From now on for all tensors of the process; those that exist go back to where they came from.
extern "C" void keep_freed_memory() { c10::SetCPUAllocator(&KeepingAllocator::instance(), 100); }

extern "C" void stop_keeping_memory() {
  c10::SetCPUAllocator(c10::GetDefaultCPUAllocator(), 100);
  KeepingAllocator::instance().release();
}
