"""What is published, who may write, and what was asked to be erased."""
