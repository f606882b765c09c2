"""The CDK construct `StacheVectorStore` will live here. It is not written yet."""
