#include "gzip.h"

#include <algorithm>
#include <array>
#include <limits>
#include <new>

#include <zlib.h>

#include "hgnn_moe/base/error.h"

namespace hgnn_moe::kg {
namespace {

constexpr int kGzipOnly = 16 + MAX_WBITS;  // inflateInit2's way to say so

class Inflater {
 public:
  Inflater() {
    if (inflateInit2(&stream_, kGzipOnly) != Z_OK) throw std::bad_alloc();
  }
  ~Inflater() { inflateEnd(&stream_); }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  // Appends what `bytes` hold to `out`; false where they are damaged or end too early.
  bool run(std::string_view bytes, std::string& out) {
    std::array<char, 1 << 16> block;
    while (!bytes.empty()) {
      const std::size_t given =
          std::min<std::size_t>(bytes.size(), std::numeric_limits<uInt>::max());
      // zlib does not write through next_in.
      stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
      stream_.avail_in = static_cast<uInt>(given);
      stream_.next_out = reinterpret_cast<Bytef*>(block.data());
      stream_.avail_out = static_cast<uInt>(block.size());
      const int status = inflate(&stream_, Z_NO_FLUSH);
      out.append(block.data(), block.size() - stream_.avail_out);
      bytes.remove_prefix(given - stream_.avail_in);
      if (status == Z_STREAM_END) {
        if (bytes.empty()) return true;
        inflateReset(&stream_);
      } else if (status != Z_OK) {
        return false;
      }
    }
    return false;
  }

 private:
  z_stream stream_{};
};

}  // namespace

bool is_gzip(std::string_view bytes) { return bytes.substr(0, 2) == "\x1F\x8B"; }

std::string gunzip(const NamedText& file) {
  std::string text;
  if (!Inflater().run(file.text, text)) {
    fail(ExitCode::data, "{}: the gzip data are damaged or end too early; copy the file again",
         file.name);
  }
  return text;
}

}  // namespace hgnn_moe::kg
