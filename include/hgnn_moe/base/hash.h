// Checksums of content: 128-bit XXH3 as 32 hex digits, as `xxh128sum` prints it. They find
// truncation and flipped bits; they are no defence against an attacker.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <string>

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

}  // namespace hgnn_moe
