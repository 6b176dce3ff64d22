// hgnn_moe_train: trains a language model of coupled experts.

#include "hgnn_moe/train/program.h"

int main(int argc, char** argv) { return hgnn_moe::run_training_program(argc, argv); }
