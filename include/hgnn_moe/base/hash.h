// Checksums of content: 128-bit XXH3 as 32 hex digits, as `xxh128sum` prints it. They find
// truncation and flipped bits; they are no defence against an attacker. And a number for a name.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "hgnn_moe/base/error.h"

namespace hgnn_moe {

class Xxh3 {
 public:
  Xxh3();
  ~Xxh3();
  Xxh3(Xxh3&&) noexcept;
  Xxh3& operator=(Xxh3&&) noexcept;

  void update(const void* data, std::size_t size);
  std::string hex() const;  // of everything so far; more may follow

 private:
  struct State;
  std::unique_ptr<State> state_;
};

std::string xxh3_hex(const void* data, std::size_t size);

// Throws Error(on_error) where the file cannot be read.
std::string xxh3_hex_of_file(const std::filesystem::path& path, ExitCode on_error);

// FNV-1a in 64 bits: what names a stream of random numbers, such as that of a parameter's initial
// values.
std::uint64_t fnv1a(std::string_view text);

}  // namespace hgnn_moe
