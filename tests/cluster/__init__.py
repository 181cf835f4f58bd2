"""What needs a real cluster; see test_volcano.py."""
