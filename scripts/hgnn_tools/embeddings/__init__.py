"""Pictures of node embeddings."""
