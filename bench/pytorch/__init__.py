"""ARPG and its tokenizer in plain PyTorch, for comparison (bench/compare.py)."""
