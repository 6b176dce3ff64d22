// Which vector instructions the CPU kernels of this process use.
#pragma once

#include <vector>

namespace hgnn_moe::ops {

// avx512_bf16 rounds to bfloat16 in one instruction, which turns results below 1.2e-38 into zero.
enum class CpuIsa { baseline, avx2, avx512, avx512_bf16 };

// Its name, as HGNN_MOE_CPU takes it.
const char* name_of(CpuIsa isa);

// The best that this build has and this CPU runs, or the one that the environment variable
// HGNN_MOE_CPU (baseline, avx2, avx512, avx512_bf16) names; read once. Throws Error(usage) where it
// names another or one that this CPU lacks.
CpuIsa cpu_isa();

// Every one that this build has and this CPU runs, for tests.
std::vector<CpuIsa> available_cpu_isas();

}  // namespace hgnn_moe::ops
