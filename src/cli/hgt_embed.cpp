// hgt_embed: embeddings of the nodes of knowledge graphs.

#include "hgnn_moe/hgt/program.h"

int main(int argc, char** argv) { return hgnn_moe::hgt::run_embedding_program(argc, argv); }
