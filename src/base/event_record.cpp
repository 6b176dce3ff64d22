#include "hgnn_moe/base/event_record.h"

#include <array>
#include <cstring>

namespace hgnn_moe {
namespace {

constexpr std::array<std::uint32_t, 256> make_crc_table() {
  constexpr std::uint32_t kReversedPolynomial = 0x82f63b78;
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    std::uint32_t crc = byte;
    for (int bit = 0; bit < 8; ++bit) {
      crc = (crc & 1) != 0 ? (crc >> 1) ^ kReversedPolynomial : crc >> 1;
    }
    table[byte] = crc;
  }
  return table;
}

void put_fixed(std::string& out, std::uint64_t value, int bytes) {
  for (int i = 0; i < bytes; ++i) out.push_back(static_cast<char>(value >> (8 * i)));
}

void put_varint(std::string& out, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) out.push_back(static_cast<char>(value | 0x80));
  out.push_back(static_cast<char>(value));
}

// Protocol buffers: a field is its number with its wire type, then its value.
enum class WireType : std::uint64_t { varint = 0, fixed64 = 1, bytes = 2, fixed32 = 5 };

void put_key(std::string& out, std::uint64_t field, WireType type) {
  put_varint(out, field << 3 | static_cast<std::uint64_t>(type));
}

void put_integer(std::string& out, std::uint64_t field, std::uint64_t value) {
  put_key(out, field, WireType::varint);
  put_varint(out, value);
}

void put_double(std::string& out, std::uint64_t field, double value) {
  std::uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof(bits));
  put_key(out, field, WireType::fixed64);
  put_fixed(out, bits, 8);
}

void put_float(std::string& out, std::uint64_t field, float value) {
  std::uint32_t bits = 0;
  std::memcpy(&bits, &value, sizeof(bits));
  put_key(out, field, WireType::fixed32);
  put_fixed(out, bits, 4);
}

void put_bytes(std::string& out, std::uint64_t field, std::string_view value) {
  put_key(out, field, WireType::bytes);
  put_varint(out, value.size());
  out += value;
}

// Numbers of fields.
namespace event {
constexpr std::uint64_t kWallTime = 1, kStep = 2, kFileVersion = 3, kSummary = 5, kSessionLog = 7;
}
namespace session_log {
constexpr std::uint64_t kStatus = 1, kStart = 1;
}
namespace summary {
constexpr std::uint64_t kValue = 1, kTag = 1, kSimpleValue = 2;
}

std::string event_at(double wall_time) {
  std::string data;
  put_double(data, event::kWallTime, wall_time);
  return data;
}

// Masked, because the CRC of data that holds CRCs would tell little.
std::uint32_t masked_crc(std::string_view bytes) {
  const std::uint32_t crc = crc32c(bytes);
  return ((crc >> 15) | (crc << 17)) + 0xa282ead8;
}

std::string record_of(const std::string& data) {
  std::string record;
  put_fixed(record, data.size(), 8);
  put_fixed(record, masked_crc(record), 4);
  record += data;
  put_fixed(record, masked_crc(data), 4);
  return record;
}

}  // namespace

std::uint32_t crc32c(std::string_view bytes) {
  static constexpr std::array<std::uint32_t, 256> kTable = make_crc_table();
  std::uint32_t crc = 0xffffffff;
  for (const char c : bytes) {
    crc = kTable[(crc ^ static_cast<unsigned char>(c)) & 0xff] ^ (crc >> 8);
  }
  return ~crc;
}

std::string version_record(double wall_time) {
  std::string data = event_at(wall_time);
  put_bytes(data, event::kFileVersion, "brain.Event:2");
  return record_of(data);
}

std::string restart_record(double wall_time) {
  std::string log;
  put_integer(log, session_log::kStatus, session_log::kStart);
  std::string data = event_at(wall_time);
  put_bytes(data, event::kSessionLog, log);
  return record_of(data);
}

std::string scalar_record(double wall_time, std::int64_t step,
                          const std::vector<ScalarValue>& scalars) {
  std::string values;
  for (const ScalarValue& scalar : scalars) {
    std::string value;
    put_bytes(value, summary::kTag, scalar.tag);
    put_float(value, summary::kSimpleValue, static_cast<float>(scalar.value));
    put_bytes(values, summary::kValue, value);
  }
  std::string data = event_at(wall_time);
  put_integer(data, event::kStep, static_cast<std::uint64_t>(step));
  put_bytes(data, event::kSummary, values);
  return record_of(data);
}

}  // namespace hgnn_moe
