// Small helpers for messages.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hgnn_moe {

// Insertions, deletions, substitutions and swaps of neighbours that turn `a` into `b`, no
// character edited twice (optimal string alignment).
std::size_t edit_distance(std::string_view a, std::string_view b);

// The candidate nearest to `word`, the first of equals; nullopt where none is near enough to be
// what was meant (at most a third of the word's characters, at least one, differ).
std::optional<std::string> closest_match(std::string_view word,
                                         const std::vector<std::string>& candidates);

std::string join(const std::vector<std::string>& parts, std::string_view separator);

// "DB1, DB2, DB3 and 4 more": three of them at most.
std::string first_few(const std::vector<std::string>& names);

std::string format_bytes(std::uint64_t bytes);  // "512 B", "1.5 KiB", "23.4 GiB"

// The bytes that "512", "512B", "3GB", "2.5 GiB" and the like mean, in letters of either case:
// KB, MB, GB and TB are powers of 1000, KiB, MiB, GiB and TiB of 1024. Nothing for any other text
// and for what is less than a byte or does not fit 63 bits.
std::optional<std::int64_t> parse_bytes(std::string_view text);

// "0.4 s", "12 s", "3 min 05 s", "2 h 07 min", "3 d 04 h"; "?" for what is no finite duration.
std::string format_duration(double seconds);

}  // namespace hgnn_moe
