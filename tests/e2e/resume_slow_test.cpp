// Ten kills -9 at random moments, over couplers, threads, precisions and ways of sampling.
#include "tests/e2e/interrupted_run.h"

namespace hgnn_moe::e2e {
namespace {

using ResumeSlowTest = InterruptedRunTest;

TEST_F(ResumeSlowTest, Gnn) { expect_same_after_kills(resumable(), 10); }

TEST_F(ResumeSlowTest, HgnnAccumulated) { expect_same_after_kills(resumable_hgnn(), 10); }

// Wide enough for LibTorch to split its work between the two threads.
TEST_F(ResumeSlowTest, WideGnnOnTwoThreads) {
  expect_same_after_kills(resumable().with({{"embed_dim", "128"},
                                            {"num_layers", "2"},
                                            {"max_seq_length", "64"},
                                            {"batch_size", "16"},
                                            {"epochs", "50"},
                                            {"threads", "2"}}),
                          10);
}

TEST_F(ResumeSlowTest, HgnnRawInBfloat16AndFileOrder) {
  expect_same_after_kills(resumable().with({{"coupler_type", "HGNN"},
                                            {"num_experts", "4"},
                                            {"static_hyperedge_strategy", "all_triplets"},
                                            {"hyperedge_weight_param", "raw"},
                                            {"precision", "bf16"},
                                            {"no_shuffle", ""},
                                            {"num_workers_dataloader", "0"}}),
                          10);
}

}  // namespace
}  // namespace hgnn_moe::e2e
