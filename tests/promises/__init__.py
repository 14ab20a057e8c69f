"""What is promised, the tests that show it, and the figures that they count: docs/reliability.md is made from these."""
