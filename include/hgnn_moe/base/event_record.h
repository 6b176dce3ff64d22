// Records of TensorBoard's event files, encoded by hand: four kinds of fields are all that scalars
// need.
//
// A file is a sequence of records: uint64 length, uint32 masked CRC-32C of those 8 bytes, the data,
// uint32 masked CRC-32C of the data, all little endian. The data is a protocol buffer of type Event
// (tensorboard/compat/proto/event.proto and summary.proto).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace hgnn_moe {

// CRC-32 with Castagnoli's polynomial (RFC 3720, appendix B.4).
std::uint32_t crc32c(std::string_view bytes);

struct ScalarValue {
  std::string tag;
  double value = 0.0;  // an event file keeps a float
};

// `wall_time` is in seconds since 1970. The first record of a file:
std::string version_record(double wall_time);

// Says that the steps from 0 on follow, whatever earlier files held: a reader that has seen those
// forgets them.
std::string restart_record(double wall_time);

// Scalars of one step.
std::string scalar_record(double wall_time, std::int64_t step,
                          const std::vector<ScalarValue>& scalars);

}  // namespace hgnn_moe
