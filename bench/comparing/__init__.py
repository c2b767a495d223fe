"""What bench/compare.py measures."""
