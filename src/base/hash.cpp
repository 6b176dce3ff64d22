#include "hgnn_moe/base/hash.h"

#include <algorithm>
#include <new>

#include <xxhash.h>

#include "hgnn_moe/base/files.h"

namespace hgnn_moe {
namespace {

std::string to_hex(XXH128_hash_t hash) {
  return fmt::format("{:016x}{:016x}", hash.high64, hash.low64);
}

}  // namespace

// The library allocates its state aligned for vector instructions.
struct Xxh3::State {
  State() : xxh(XXH3_createState()) {
    if (xxh == nullptr) throw std::bad_alloc();
    XXH3_128bits_reset(xxh);
  }
  ~State() { XXH3_freeState(xxh); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  XXH3_state_t* xxh;
};

Xxh3::Xxh3() : state_(std::make_unique<State>()) {}
Xxh3::~Xxh3() = default;
Xxh3::Xxh3(Xxh3&&) noexcept = default;
Xxh3& Xxh3::operator=(Xxh3&&) noexcept = default;

void Xxh3::update(const void* data, std::size_t size) {
  if (size > 0) XXH3_128bits_update(state_->xxh, data, size);
}

std::string Xxh3::hex() const { return to_hex(XXH3_128bits_digest(state_->xxh)); }

std::string xxh3_hex(const void* data, std::size_t size) {
  return to_hex(XXH3_128bits(data, size));
}

std::string xxh3_hex_of_file(const std::filesystem::path& path, ExitCode on_error) {
  constexpr std::size_t kWindow = std::size_t{16} << 20;  // resident at a time
  const MappedFile file(path, on_error);
  const ByteSpan bytes = file.bytes();
  Xxh3 hash;
  for (std::size_t begin = 0; begin < bytes.size; begin += kWindow) {
    hash.update(bytes.data + begin, std::min(kWindow, bytes.size - begin));
    file.release();
  }
  return hash.hex();
}

std::uint64_t fnv1a(std::string_view text) {
  std::uint64_t hash = 0xcbf29ce484222325u;
  for (const char c : text) {
    hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  }
  return hash;
}

}  // namespace hgnn_moe
