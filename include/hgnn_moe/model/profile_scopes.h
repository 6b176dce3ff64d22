// The parts of a training step that a profile tells apart. Code marks them by RECORD_USER_SCOPE of
// ATen/record_function.h, which costs a few nanoseconds while nobody profiles.
#pragma once

namespace hgnn_moe::profile_scope {

inline constexpr const char* kStep = "step";  // one update, around all others
inline constexpr const char* kData = "data";
inline constexpr const char* kEmbedding = "embedding";
inline constexpr const char* kExperts = "experts";
inline constexpr const char* kCoupler = "coupler";
inline constexpr const char* kHead = "head and loss";
inline constexpr const char* kOptimizer = "optimizer";

}  // namespace hgnn_moe::profile_scope
